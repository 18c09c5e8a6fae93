import { armor, Encrypter } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { IDENTITY_ACTIONS } from '../../../src/api/routes/identity-actions.ts'
import { INTAKE_ACTIONS } from '../../../src/api/routes/intake-actions.ts'
import { SCAN_ACTIONS } from '../../../src/api/routes/scan-actions.ts'
import { SYSTEM_ACTIONS } from '../../../src/api/routes/system-actions.ts'
import { until } from '../../servers/revenant.ts'
import { type ActionHouse, openActionHouse } from './house.ts'

const NOBODY = '00000000-0000-7000-8000-000000000000'
const CSV = 'text/csv'
const LINES = 'application/x-ndjson'
const AGE = 'application/vnd.age'

let house: ActionHouse
beforeAll(async () => {
  house = await openActionHouse([...IDENTITY_ACTIONS, ...INTAKE_ACTIONS, ...SCAN_ACTIONS, ...SYSTEM_ACTIONS])
})
afterAll(() => house.stop())

const db = () => house.runtime.store.db
const identity = (externalId: string) =>
  db().selectFrom('identity').selectAll().where('external_id', '=', externalId).executeTakeFirstOrThrow()
const jsonLines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

/** Somebody with one credential at `api`. */
async function employ(externalId: string, system = 'api') {
  await house.upload('/v1/import/identities', LINES, jsonLines([{ external_id: externalId }]))
  const held = [{ identity: externalId, system, secret: { token: `token-of-${externalId}` } }]
  const { body } = await house.upload('/v1/import/credentials', LINES, jsonLines(held))
  expect(body).toMatchObject({ created: 1, badTotal: 0 })
  return identity(externalId)
}

async function checkOf(identityId: string) {
  return db()
    .selectFrom('check_state as c')
    .innerJoin('credential as k', 'k.id', 'c.credential_id')
    .selectAll('c')
    .where('k.identity_id', '=', identityId)
    .executeTakeFirstOrThrow()
}

describe('who left', () => {
  it('is terminated and reinstated, and what it holds falls due and rests', async () => {
    const { id } = await employ('anna')
    expect((await checkOf(id)).due_at).toBeNull()
    const gone = await house.post(`/v1/identities/${id}/terminate`, { reason: 'left' }, 'operator')
    expect([gone.status, gone.body]).toEqual([200, { id, changed: true, dueNow: 1 }])
    expect((await checkOf(id)).due_at).not.toBeNull()
    expect((await house.post(`/v1/identities/${id}/terminate`, { reason: 'left' })).body).toEqual({
      id,
      changed: false,
      dueNow: 0,
    })
    const back = await house.post(`/v1/identities/${id}/reinstate`, { reason: 'a mistake' })
    expect(back.body).toEqual({ id, changed: true, dueNow: 0 })
    expect((await checkOf(id)).due_at).toBeNull()
    expect(await house.audited('identity.terminate')).toEqual([
      { actor: 'anna', subject: 'anna', detail: { terminatedAt: expect.any(String), reason: 'left' } },
    ])
    expect(await house.audited('identity.reinstate')).toEqual([
      { actor: 'anna', subject: 'anna', detail: { reason: 'a mistake' } },
    ])
  })

  it('stands the same after the command', async () => {
    const at = '2026-01-02T03:04:05Z'
    const [one, other] = [await employ('by-command'), await employ('by-page')]
    await house.cli(['identities', 'terminate', 'by-command', '--at', at])
    await house.post(`/v1/identities/${other.id}/terminate`, { at, reason: 'left' })
    const [first, second] = [await identity('by-command'), await identity('by-page')]
    expect(first.terminated_at?.toString()).toBe(at)
    expect(second.terminated_at?.toString()).toBe(at)
    const [mine, theirs] = [await checkOf(one.id), await checkOf(other.id)]
    expect([mine.due_at === null, mine.verify_by === null]).toEqual([theirs.due_at === null, theirs.verify_by === null])
  })

  it('may be put one by one', async () => {
    const made = await house.post('/v1/identities', { externalId: 'one', name: 'One', kind: 'service', owner: 'anna' })
    expect(made).toMatchObject({ status: 200, body: { created: true, changed: true, dueNow: 0 } })
    const { id } = made.body
    expect(made.headers.location).toBe(`/v1/identities/${id}`)
    expect((await house.post('/v1/identities', { externalId: 'one' })).body).toEqual({
      id,
      created: false,
      changed: false,
      dueNow: 0,
    })
    expect((await house.post('/v1/identities', { externalId: 'one', terminatedAt: '2026-01-01T00:00:00Z' })).body).toMatchObject({
      changed: true,
    })
    expect((await house.post('/v1/identities', { externalId: 'one', terminatedAt: null })).body).toMatchObject({ changed: true })
    expect(await identity('one')).toMatchObject({ name: 'One', terminated_at: null, owner_external_id: 'anna', source: 'api' })
    expect((await house.audited('identity.put')).map(({ subject }) => subject)).toEqual(['one', 'one', 'one'])
  })

  it.each([
    ['nobody', `/v1/identities/${NOBODY}/terminate`, { reason: 'r' }, 404],
    ['a human with an owner', '/v1/identities', { externalId: 'x', kind: 'human', owner: 'y' }, 422],
    ['its own owner', '/v1/identities', { externalId: 'x', kind: 'agent', owner: 'x' }, 422],
    ['an instant without a zone', `/v1/identities/${NOBODY}/terminate`, { at: '2026-01-01T00:00:00', reason: 'r' }, 400],
    ['no reason', `/v1/identities/${NOBODY}/reinstate`, {}, 400],
    ['a field that there is not', '/v1/identities', { externalId: 'x', role: 'admin' }, 400],
  ])('is refused for %s', async (_what, path, body, status) => {
    expect((await house.post(path, body)).status).toBe(status)
  })
})

describe('an import', () => {
  it('tells every bad row and keeps the good ones, as the command does', async () => {
    const csv =
      'external_id,status,terminated_at\nimp-1,active,\nimp-2,sometimes,\n,active,\nimp-3,terminated,2026-01-01T00:00:00Z\n'
    const dry = await house.upload('/v1/import/identities?dryRun=true&name=people.csv', CSV, csv)
    expect(dry.body).toMatchObject({ dryRun: true, read: 4, created: 2, badTotal: 2 })
    expect(await db().selectFrom('identity').select('id').where('external_id', '=', 'imp-1').execute()).toEqual([])
    const done = await house.upload('/v1/import/identities?name=people.csv', `${CSV}; charset=utf-8`, csv)
    expect(done.body).toMatchObject({
      ...{ dryRun: false, read: 4, created: 2, badTotal: 2, stopped: false },
      bad: [
        { line: 3, field: 'status', code: null, message: expect.any(String) },
        { line: 4, field: 'external_id', code: null, message: expect.any(String) },
      ],
    })
    expect(await identity('imp-3')).toMatchObject({ source: 'csv:people.csv' })
    const { exit, out } = await house.cli(['import', 'identities', '-', '--format', 'csv', '--json'], csv)
    expect(exit).toBe(2)
    const told = JSON.parse(out)
    expect(told.bad.map(({ line, message }: { line: number; message: string }) => [line, message])).toEqual(
      [done.body.bad].flat().map((fault) => [Reflect.get(Object(fault), 'line'), Reflect.get(Object(fault), 'message')]),
    )
    expect(told).toMatchObject({ created: 0, unchanged: 2 })
    expect((await house.audited('identities.import')).filter(({ subject }) => subject === 'csv:people.csv')).toHaveLength(1)
  })

  it('seals secrets and repeats none', async () => {
    await house.upload('/v1/import/identities', LINES, jsonLines([{ external_id: 'sealed' }]))
    const rows = [
      { identity: 'sealed', system: 'api', secret: { token: 'MARKED-secret' } },
      { identity: 'sealed', system: 'nowhere', secret: { token: 'MARKED-secret' } },
      { identity: 'sealed', system: 'api', label: 'other', secret: { tokn: 'MARKED-secret' } },
    ]
    const { body } = await house.upload('/v1/import/credentials', LINES, jsonLines(rows))
    expect(body).toMatchObject({
      created: 1,
      badTotal: 2,
      bad: [{ field: 'system' }, { field: 'secret', code: 'SECRET_INVALID' }],
    })
    expect(JSON.stringify(body)).not.toContain('MARKED')
    const { rows: dump } = { rows: await db().selectFrom('secret').selectAll().execute() }
    expect(dump.every(({ sealed }) => sealed === null || !Buffer.from(sealed).includes('MARKED'))).toBe(true)
  })

  it('takes secrets that were encrypted to the recipient, each by itself or the whole file', async () => {
    await house.upload('/v1/import/identities', LINES, jsonLines([{ external_id: 'submitted' }]))
    const { exit, out } = await house.cli(['keys', 'recipient'])
    expect(exit).toBe(0)
    const encrypter = new Encrypter()
    encrypter.addRecipient(out.trim())
    const wrapped = async (text: string) => armor.encode(await encrypter.encrypt(text))
    const secret = JSON.stringify({ identity: 'submitted', system: 'api', secret: { token: 'MARKED-one' } })
    const row = { identity: 'submitted', system: 'api', label: 'one', secret_age: await wrapped(secret) }
    expect((await house.upload('/v1/import/credentials', LINES, jsonLines([row]))).body).toMatchObject({
      created: 1,
      badTotal: 0,
    })
    const rows = [{ identity: 'submitted', system: 'api', label: 'two', secret: { token: 'MARKED-two' } }]
    const file = await house.upload('/v1/import/credentials?name=s.age', AGE, await wrapped(jsonLines(rows)))
    expect(file).toMatchObject({ status: 200, body: { created: 1, badTotal: 0 } })
    const cut = await house.upload(
      '/v1/import/credentials',
      AGE,
      Buffer.from((await encrypter.encrypt(jsonLines(rows))).slice(0, -5)),
    )
    expect([cut.status, JSON.stringify(cut.body)]).toEqual([422, expect.not.stringContaining('MARKED')])
    expect((await house.upload('/v1/import/identities', AGE, await wrapped('external_id\nx\n'))).status).toBe(415)
  })

  it.each([
    ['columns that it does not know', CSV, 'external_id,wage\n1,2\n', 422],
    ['no header', CSV, '', 422],
    ['another type', 'application/pdf', 'x', 415],
  ])('refuses %s', async (_what, type, content, status) => {
    expect((await house.upload('/v1/import/identities', type, content)).status).toBe(status)
  })
})

describe('a credential', () => {
  it('is retired for good', async () => {
    const { id: identityId } = await employ('retiree')
    const { credential_id: id } = await checkOf(identityId)
    expect((await house.post(`/v1/credentials/${id}/retire`)).body).toEqual({ id, changed: true })
    expect((await house.post(`/v1/credentials/${id}/retire`)).body).toEqual({ id, changed: false })
    expect((await house.audited('credential.retire')).map(({ subject }) => subject)).toEqual([id])
    // It has no reference that could be pinned; an operator may not even ask.
    expect((await house.post(`/v1/credentials/${id}/repin`)).status).toBe(422)
    expect((await house.post(`/v1/credentials/${id}/repin`, undefined, 'operator')).status).toBe(403)
    expect((await house.post(`/v1/credentials/${NOBODY}/retire`)).status).toBe(404)
    expect((await house.post(`/v1/credentials/${id}/scan`)).status).toBe(409)
  })
})

describe('trying now', () => {
  it('never tries whoever is here', async () => {
    const { id } = await employ('here')
    const { credential_id } = await checkOf(id)
    for (const path of [`/v1/identities/${id}/scan`, `/v1/credentials/${credential_id}/scan`])
      expect(await house.post(path)).toMatchObject({ status: 409, body: { detail: expect.stringContaining('is here') } })
    await house.post(`/v1/identities/${id}/terminate`, { at: '2099-01-01T00:00:00Z', reason: 'next century' })
    expect((await house.post(`/v1/identities/${id}/scan`)).status).toBe(409)
    expect((await checkOf(id)).due_at?.toString()).toBe('2099-01-01T00:00:00Z')
    for (const what of ['identities', 'credentials', 'systems'])
      expect((await house.post(`/v1/${what}/${NOBODY}/scan`)).status).toBe(404)
  })

  it('makes a leaver due and tries him at once', { timeout: 90_000 }, async () => {
    house.api.live.set('token-of-lee', 'lee').set('canary', 'canary')
    const { id } = await employ('lee')
    await house.post(`/v1/identities/${id}/terminate`, { reason: 'left' })
    await house.runtime.work()
    const before = await until(
      () => checkOf(id),
      (check) => check.attempts > 0,
    )
    expect(before).toMatchObject({ attempts: 1, verdict: 'accepted' })
    const { status, body } = await house.post(`/v1/credentials/${before.credential_id}/scan`, undefined, 'operator')
    expect([status, body]).toMatchObject([
      202,
      { changed: true, moved: 1, due: 1, held: [], trials: [{ system: { name: 'api' }, shard: 0 }] },
    ])
    await until(
      async () => {
        await house.runtime.tick()
        return checkOf(id)
      },
      (check) => check.attempts === 2,
    )
    expect(await house.audited('credential.scan')).toMatchObject([
      { actor: 'anna', subject: before.credential_id, detail: { moved: 1, due: 1, left: 0, trials: 1, held: [] } },
    ])
  })

  it('says what keeps a trial away, and leaves what must wait as it is', async () => {
    const system = house.runtime.systems.byName('wiki')?.row.id ?? ''
    const [plain, proof, locked] = [await employ('w1', 'wiki'), await employ('w2', 'wiki'), await employ('w3', 'wiki')]
    await house.post(`/v1/systems/${system}/pause`, { note: 'maintenance' })
    for (const { id } of [plain, proof, locked]) await house.post(`/v1/identities/${id}/terminate`, { reason: 'left' })
    const soon = house.runtime.now().add({ hours: 1 }).toString()
    const set = async (id: string, state: object) =>
      db()
        .updateTable('check_state')
        .set({ due_at: soon, ...state })
        .where('credential_id', '=', (await checkOf(id)).credential_id)
        .execute()
    await set(plain.id, {})
    await set(proof.id, { verdict: 'rejected', rejections: 1 })
    await set(locked.id, { verdict: 'inconclusive', reason: 'budget_exhausted' })
    const { body } = await house.post(`/v1/systems/${system}/scan`)
    const at = { id: system, name: 'wiki' }
    expect(body).toMatchObject({ changed: true, moved: 1, due: 1, left: 0, trials: [] })
    expect(body.held).toEqual([
      { system: at, hold: 'lockout_budget', reason: null, until: expect.any(String), credentials: 1 },
      { system: at, hold: 'second_proof', reason: null, until: expect.any(String), credentials: 1 },
      { system: at, hold: 'paused', reason: null, until: null, credentials: 1 },
    ])
    await house.post(`/v1/systems/${system}/resume`)
    await db().updateTable('system').set({ hold_until: soon, hold_reason: 'rate_limited' }).where('id', '=', system).execute()
    const again = await house.post(`/v1/identities/${plain.id}/scan`)
    expect(again.body).toMatchObject({
      changed: false,
      moved: 0,
      due: 1,
      trials: [],
      held: [{ hold: 'held', reason: 'rate_limited' }],
    })
    await db()
      .updateTable('system')
      .set({ hold_until: null, bound_origin: 'http://elsewhere' })
      .where('id', '=', system)
      .execute()
    expect((await house.post(`/v1/identities/${plain.id}/scan`)).body).toMatchObject({
      moved: 0,
      due: 0,
      held: [{ hold: 'rebind' }],
    })
    await db()
      .updateTable('system')
      .set({ bound_origin: (eb) => eb.ref('origin'), retired_at: soon })
      .where('id', '=', system)
      .execute()
    expect((await house.post(`/v1/systems/${system}/scan`)).status).toBe(409)
    await db().updateTable('system').set({ retired_at: null }).where('id', '=', system).execute()
  })
})

describe('a system', () => {
  it('is paused and resumed, alone or with all, by the page as by the command', async () => {
    const { id } = house.runtime.systems.byName('wiki')?.row ?? { id: '' }
    expect((await house.post(`/v1/systems/${id}/pause`, {})).body).toEqual({ changed: true })
    expect((await house.post(`/v1/systems/${id}/pause`, { note: 'again' })).body).toEqual({ changed: false })
    expect((await house.cli(['resume', 'wiki', '--json'])).out).toContain('"changed":true')
    expect((await house.post(`/v1/systems/${id}/resume`)).body).toEqual({ changed: false })
    expect((await house.post('/v1/pause', { note: 'all' })).body).toEqual({ changed: true })
    expect((await house.cli(['pause', '--all', '--json'])).out).toContain('"changed":false')
    expect(await db().selectFrom('pause').select(['scope', 'paused_by', 'note']).execute()).toEqual([
      { scope: '*', paused_by: 'anna', note: 'all' },
    ])
    expect((await house.post('/v1/resume')).body).toEqual({ changed: true })
    expect((await house.audited('pause')).slice(-1)).toEqual([{ actor: 'anna', subject: 'everything', detail: { note: 'all' } }])
    expect((await house.post(`/v1/systems/${NOBODY}/pause`, {})).status).toBe(404)
  })

  it('is rebound with its secrets', async () => {
    const row = house.runtime.systems.byName('wiki')?.row
    const { id, origin } = row ?? { id: '', origin: '' }
    expect((await house.post(`/v1/systems/${id}/rebind`)).body).toEqual({
      changed: false,
      from: null,
      to: origin,
      resealed: 0,
      broken: [],
    })
    const held = await db().selectFrom('secret').select('credential_id').where('system_id', '=', id).execute()
    expect(held.length).toBeGreaterThan(0)
    const elsewhere = 'http://127.0.0.1:1'
    await house.runtime.custody.rebind(id, elsewhere)
    await db().updateTable('system').set({ bound_origin: elsewhere }).where('id', '=', id).execute()
    expect((await house.post(`/v1/systems/${id}/rebind`, undefined, 'operator')).status).toBe(403)
    const { body } = await house.post(`/v1/systems/${id}/rebind`)
    expect(body).toEqual({ changed: true, from: elsewhere, to: origin, resealed: held.length, broken: [] })
    expect(await db().selectFrom('system').select('bound_origin').where('id', '=', id).execute()).toEqual([
      { bound_origin: origin },
    ])
    expect(await house.audited('system.rebind')).toEqual([
      { actor: 'anna', subject: 'wiki', detail: { from: elsewhere, to: origin, resealed: held.length, broken: 0 } },
    ])
  })
})
