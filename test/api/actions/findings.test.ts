import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { EXEMPTION_ACTIONS } from '../../../src/api/routes/exemption-actions.ts'
import { FINDING_ACTIONS } from '../../../src/api/routes/finding-actions.ts'
import { FINDINGS_ROUTES } from '../../../src/api/routes/findings.ts'
import type { FindingKind } from '../../../src/domain/finding.ts'
import { newId } from '../../../src/domain/id.ts'
import { applySignals } from '../../../src/findings/apply.ts'
import type { FindingRow } from '../../../src/store/finding.ts'
import { transact } from '../../../src/store/transact.ts'
import { addCheck } from '../../store/checks.ts'
import { type ActionHouse, openActionHouse } from './house.ts'

const NOBODY = '00000000-0000-7000-8000-000000000000'
const LATER = '2099-01-01T00:00:00Z'
const TERMS = { owner: 'dba', reason: 'cut-over', until: LATER }

let house: ActionHouse
beforeAll(async () => {
  house = await openActionHouse([...FINDINGS_ROUTES, ...FINDING_ACTIONS, ...EXEMPTION_ACTIONS])
})
afterAll(() => house.stop())

const db = () => house.runtime.store.db

/** A credential of a leaver that was accepted: a finding as a trial opens it, with its alert. */
async function addFinding(kind: FindingKind = 'residual_access', retired = false): Promise<FindingRow> {
  const system = house.runtime.systems.byName('api')?.row.id ?? ''
  const { id: credentialId, identityId } = await addCheck(db(), system, retired ? { dueAt: null } : {})
  const key = `${kind}:${credentialId}`
  const signal = { holds: true, kind, severity: 'high', at: house.runtime.now(), exempt: false } as const
  await transact(db(), (tx) =>
    applySignals(
      tx,
      [{ key, systemId: system, identityId, credentialId, signal }],
      house.runtime.config.policy,
      house.runtime.raise,
    ),
  )
  return db().selectFrom('finding').selectAll().where('key', '=', key).executeTakeFirstOrThrow()
}

async function stateOf(id: string) {
  const { state, exempted, acknowledged_by } = await db()
    .selectFrom('finding')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return { state, exempted, by: acknowledged_by }
}

async function eventsOf(id: string) {
  const rows = await db().selectFrom('finding_event').selectAll().where('finding_id', '=', id).orderBy('id').execute()
  return rows.map(({ event, actor, note }) => [event, actor, note])
}

describe('acknowledging', () => {
  it('ends reminders, under the name of whoever did it, once', async () => {
    const { id } = await addFinding()
    const first = await house.post(`/v1/findings/${id}/acknowledge`, { note: ' SEC-411\r\nsecond line ' }, 'operator')
    expect([first.status, first.body]).toEqual([200, { id, changed: true, state: 'acknowledged' }])
    expect(await stateOf(id)).toEqual({ state: 'acknowledged', exempted: false, by: 'anna' })
    const again = await house.post(`/v1/findings/${id}/acknowledge`, { note: 'me too' })
    expect([again.status, again.body]).toEqual([200, { id, changed: false, state: 'acknowledged' }])
    expect(await eventsOf(id)).toEqual([
      ['opened', null, null],
      ['acknowledged', 'anna', 'SEC-411\nsecond line'],
    ])
    expect((await house.audited('finding.acknowledge')).filter(({ subject }) => subject === id)).toEqual([
      { actor: 'anna', subject: id, detail: { note: 'SEC-411\nsecond line' } },
    ])
  })

  it('leaves the same behind as the command does', async () => {
    const [one, other] = [await addFinding(), await addFinding()]
    expect(await house.cli(['findings', 'acknowledge', one.id, '--note', 'n'])).toMatchObject({ exit: 0 })
    await house.post(`/v1/findings/${other.id}/acknowledge`, { note: 'n' })
    const rows = await db().selectFrom('finding').selectAll().where('id', 'in', [one.id, other.id]).execute()
    expect(rows.map(({ state, acknowledged_at }) => [state, acknowledged_at !== null])).toEqual([
      ['acknowledged', true],
      ['acknowledged', true],
    ])
    const [first, second] = [await eventsOf(one.id), await eventsOf(other.id)]
    expect(first.map(([event, , note]) => [event, note])).toEqual(second.map(([event, , note]) => [event, note]))
  })

  it('is refused where the finding is no longer what was seen', async () => {
    const { id } = await addFinding()
    const seen = await house.get(`/v1/findings/${id}`)
    const match = { 'if-match': String(seen.headers.etag) }
    expect((await house.post(`/v1/findings/${id}/acknowledge`, { note: 'n' }, 'admin', { 'if-match': '"another"' })).status).toBe(
      412,
    )
    expect(await stateOf(id)).toMatchObject({ state: 'open' })
    expect((await house.post(`/v1/findings/${id}/acknowledge`, { note: 'n' }, 'admin', match)).body).toMatchObject({
      changed: true,
    })
    expect((await house.post(`/v1/findings/${id}/exempt`, TERMS, 'admin', match)).status).toBe(412)
    expect(await stateOf(id)).toMatchObject({ exempted: false })
  })

  it('takes many, each by itself', async () => {
    const [open, done, over] = [await addFinding(), await addFinding(), await addFinding('residual_access', true)]
    await house.post(`/v1/findings/${done.id}/acknowledge`, { note: 'n' })
    await house.post(`/v1/findings/${over.id}/resolve`, { note: 'n' })
    const ids = [open.id, done.id, over.id, NOBODY, open.id.toUpperCase()]
    const { status, body } = await house.post('/v1/findings/acknowledge', { ids, note: 'a sweep' })
    expect(status).toBe(200)
    expect(body).toEqual({
      changed: 1,
      items: [
        { id: open.id, changed: true, state: 'acknowledged', refused: null },
        { id: done.id, changed: false, state: 'acknowledged', refused: null },
        { id: over.id, changed: false, state: 'resolved', refused: 'resolved' },
        { id: NOBODY, changed: false, state: null, refused: 'not_found' },
      ],
    })
  })

  it.each([
    ['of what there is not', NOBODY, { note: 'n' }, 404],
    ['under no id', 'nonsense', { note: 'n' }, 400],
    ['without a note', NOBODY, {}, 400],
    ['with an empty note', NOBODY, { note: '  ' }, 400],
    ['with a note that is too long', NOBODY, { note: 'x'.repeat(1_001) }, 400],
    ['with control characters', NOBODY, { note: 'a\u001b[2J' }, 400],
    ['with another field', NOBODY, { note: 'n', state: 'resolved' }, 400],
  ])('is refused %s', async (_what, id, body, status) => {
    expect((await house.post(`/v1/findings/${id}/acknowledge`, body)).status).toBe(status)
  })

  it('is refused of what is over, and to those who may only read', async () => {
    const { id } = await addFinding('residual_access', true)
    await house.post(`/v1/findings/${id}/resolve`, { note: 'n' })
    expect((await house.post(`/v1/findings/${id}/acknowledge`, { note: 'n' })).status).toBe(409)
    const other = await addFinding()
    for (const role of ['viewer', 'auditor'] as const)
      expect((await house.post(`/v1/findings/${other.id}/acknowledge`, { note: 'n' }, role)).status).toBe(403)
    expect(await stateOf(other.id)).toMatchObject({ state: 'open' })
    const many = Array.from({ length: 501 }, () => newId())
    expect((await house.post('/v1/findings/acknowledge', { ids: many, note: 'n' })).status).toBe(400)
  })
})

describe('exempting', () => {
  beforeEach(() => house.app.ready())
  afterEach(async () => {
    await db().deleteFrom('exemption').execute()
  })

  it('silences a finding at once, until it is taken back: then it is told of again', async () => {
    const { id } = await addFinding()
    const done = await house.post(`/v1/findings/${id}/exempt`, TERMS)
    expect(done.body).toMatchObject({ id, changed: true, state: 'acknowledged', until: LATER })
    expect(await stateOf(id)).toEqual({ state: 'acknowledged', exempted: true, by: null })
    const again = await house.post(`/v1/findings/${id}/exempt`, TERMS)
    expect(again.body).toEqual({ ...done.body, changed: false })
    expect((await house.audited('finding.exempt')).filter(({ subject }) => subject === id)).toHaveLength(1)

    const exemption = String(done.body.exemption)
    const revoked = await house.post(`/v1/exemptions/${exemption}/revoke`, { reason: 'over sooner' })
    expect([revoked.status, revoked.body]).toEqual([200, { id: exemption, changed: true }])
    expect(await stateOf(id)).toEqual({ state: 'open', exempted: false, by: null })
    expect((await house.post(`/v1/exemptions/${exemption}/revoke`, { reason: 'r' })).body).toEqual({
      id: exemption,
      changed: false,
    })
    expect(await eventsOf(id)).toEqual([
      ['opened', null, null],
      ['exempted', 'anna', `until ${LATER}, owner dba: cut-over`],
      ['reopened', null, null],
    ])
    const alerts = await db().selectFrom('alert').select('event').where('finding_id', '=', id).orderBy('sequence').execute()
    expect(alerts.map(({ event }) => event)).toEqual(['opened', 'reopened'])
    expect(await house.audited('exemption.revoke')).toMatchObject([
      { actor: 'anna', subject: exemption, detail: { reason: 'over sooner' } },
    ])
  })

  it('says the same by the command', async () => {
    const [one, other] = [await addFinding(), await addFinding()]
    await house.cli(['findings', 'exempt', one.id, '--owner', 'dba', '--reason', 'cut-over', '--until', LATER])
    await house.post(`/v1/findings/${other.id}/exempt`, TERMS)
    expect(await stateOf(one.id)).toEqual(await stateOf(other.id))
    const rows = await db().selectFrom('exemption').selectAll().orderBy('id').execute()
    const said = rows.map(({ id: _id, credential_id, created_by: _by, created_at: _at, starts_at: _from, ...rest }) => ({
      ...rest,
      of: credential_id === one.credential_id || credential_id === other.credential_id,
    }))
    expect(said).toHaveLength(2)
    expect(said[0]).toEqual(said[1])
  })

  it('covers whatever is found about an identity or a system, when it is granted so', async () => {
    const [one, two] = [await addFinding(), await addFinding('principal_mismatch')]
    const system = one.system_id ?? ''
    const granted = await house.post('/v1/exemptions', { systemId: system, kind: 'principal_mismatch', ...TERMS })
    expect(granted.body).toMatchObject({ changed: true })
    expect([await stateOf(one.id), await stateOf(two.id)]).toMatchObject([{ exempted: false }, { exempted: true }])
    const again = await house.post('/v1/exemptions', { systemId: system, kind: 'principal_mismatch', ...TERMS })
    expect(again.body).toEqual({ ...granted.body, changed: false })
    const coming = { identityId: one.identity_id, ...TERMS, from: '2098-01-01T00:00:00+01:00' }
    expect((await house.post('/v1/exemptions', coming)).body).toMatchObject({ changed: true })
    expect(await stateOf(one.id)).toMatchObject({ exempted: false })
  })

  it('takes many at once', async () => {
    const found = [await addFinding(), await addFinding()]
    const { body } = await house.post('/v1/findings/exempt', { ids: [...found.map(({ id }) => id), NOBODY], ...TERMS })
    expect(body).toMatchObject({
      changed: 2,
      items: [{ state: 'acknowledged' }, { state: 'acknowledged' }, { refused: 'not_found' }],
    })
  })

  it.each([
    ['that ends in the past', '/v1/findings/ID/exempt', { ...TERMS, until: '2020-01-01T00:00:00Z' }, 422],
    ['that ends at no instant', '/v1/findings/ID/exempt', { ...TERMS, until: 'tomorrow' }, 400],
    ['without an owner', '/v1/findings/ID/exempt', { reason: 'r', until: LATER }, 400],
    ['of a finding that there is not', `/v1/findings/${NOBODY}/exempt`, TERMS, 404],
    ['of nothing', '/v1/exemptions', TERMS, 400],
    ['of a system that there is not', '/v1/exemptions', { ...TERMS, systemId: NOBODY }, 404],
    ['that ends before it begins', '/v1/exemptions', { ...TERMS, systemId: 'SYSTEM', from: '2100-01-01T00:00:00Z' }, 422],
    ['that there is not, taken back', `/v1/exemptions/${NOBODY}/revoke`, { reason: 'r' }, 404],
  ])('refuses one %s', async (_what, path, body, status) => {
    const { id, system_id } = await addFinding()
    const given = JSON.parse(JSON.stringify(body).replace('SYSTEM', system_id ?? ''))
    expect((await house.post(path.replace('ID', id), given)).status).toBe(status)
    expect(await db().selectFrom('exemption').selectAll().execute()).toEqual([])
  })
})

describe('closing by hand', () => {
  it('is for what nothing tries any more', async () => {
    const [tried, rests] = [await addFinding(), await addFinding('residual_access', true)]
    const refused = await house.post(`/v1/findings/${tried.id}/resolve`, { note: 'n' })
    expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining('still tried')])
    const done = await house.post(`/v1/findings/${rests.id}/resolve`, { note: 'rehired' })
    expect(done.body).toEqual({ id: rests.id, changed: true, state: 'resolved' })
    expect(await eventsOf(rests.id)).toEqual([
      ['opened', null, null],
      ['closed', 'anna', 'rehired'],
      ['resolved', null, null],
    ])
    expect((await house.post(`/v1/findings/${rests.id}/resolve`, { note: 'n' })).status).toBe(409)
    expect((await house.audited('finding.resolve')).map(({ subject }) => subject)).toContain(rests.id)
  })
})
