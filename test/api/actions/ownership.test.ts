import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CREDENTIALS_ROUTES } from '../../../src/api/routes/credentials.ts'
import { IDENTITIES_ROUTES } from '../../../src/api/routes/identities.ts'
import { IDENTITY_ACTIONS } from '../../../src/api/routes/identity-actions.ts'
import { INTAKE_ACTIONS } from '../../../src/api/routes/intake-actions.ts'
import { OWNERSHIP_ROUTES } from '../../../src/api/routes/ownership.ts'
import { syncFeeds } from '../../../src/store/feed.ts'
import { type ActionHouse, openActionHouse } from './house.ts'

const LINES = 'application/x-ndjson'
const jsonLines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

let house: ActionHouse
beforeAll(async () => {
  house = await openActionHouse([
    ...IDENTITIES_ROUTES,
    ...IDENTITY_ACTIONS,
    ...INTAKE_ACTIONS,
    ...OWNERSHIP_ROUTES,
    ...CREDENTIALS_ROUTES,
  ])
})
afterAll(() => house.stop())

const db = () => house.runtime.store.db
const idOf = async (externalId: string) =>
  (await db().selectFrom('identity').select('id').where('external_id', '=', externalId).executeTakeFirstOrThrow()).id
const orphans = async () =>
  (
    await db()
      .selectFrom('finding as f')
      .innerJoin('identity as i', 'i.id', 'f.identity_id')
      .select(['i.external_id', 'f.state'])
      .where('f.kind', '=', 'orphaned_identity')
      .orderBy('i.external_id')
      .execute()
  ).map(({ external_id, state }) => [external_id, state])
const known = (rows: readonly object[]) => house.upload('/v1/import/identities', LINES, jsonLines(rows))
const holding = (rows: readonly object[]) => house.upload('/v1/import/credentials', LINES, jsonLines(rows))
const BY = '2126-01-31T18:00:00Z'

describe('ownership', () => {
  it('passes on what a leaver answered for, and what it held until a date', async () => {
    await known([
      { external_id: 'olga', name: 'Olga Orth', email: 'olga@example.com' },
      { external_id: 'paul', name: 'Paul' },
      { external_id: 'bot', kind: 'service', owner: 'olga' },
      { external_id: 'agent', kind: 'agent', owner: 'olga' },
    ])
    await holding([
      { identity: 'olga', system: 'api', secret: { token: 'olgas' } },
      { identity: 'olga', system: 'wiki', secret: { token: 'olgas' } },
      { identity: 'bot', system: 'wiki', secret: { token: 'bots' } },
    ])
    const [olga, bot] = [await idOf('olga'), await idOf('bot')]
    await house.post(`/v1/identities/${olga}/terminate`, { reason: 'left' })
    expect(await orphans()).toEqual([
      ['agent', 'open'],
      ['bot', 'open'],
    ])
    // A human has to answer for it: not itself, not another machine, not whoever has left.
    for (const to of ['bot', 'agent', 'olga'])
      expect((await house.post(`/v1/identities/${bot}/transfer`, { to, reason: 'x' })).status).toBe(422)
    expect((await house.post(`/v1/identities/${bot}/transfer`, { to: 'nobody', reason: 'x' })).status).toBe(404)
    expect((await house.post(`/v1/identities/${bot}/transfer`, { to: 'paul', reason: 'x' }, 'viewer')).status).toBe(403)
    const moved = await house.post(`/v1/identities/${bot}/transfer`, { to: 'paul', reason: 'took over' }, 'operator')
    expect([moved.status, moved.body]).toEqual([200, { id: bot, changed: true }])
    expect((await house.post(`/v1/identities/${bot}/transfer`, { to: 'paul', reason: 'again' })).body).toMatchObject({
      changed: false,
    })
    expect(await orphans()).toEqual([
      ['agent', 'open'],
      ['bot', 'resolved'],
    ])
    expect(await house.audited('identity.transfer')).toEqual([
      { actor: 'anna', subject: 'bot', detail: { from: 'olga', to: 'paul', reason: 'took over' } },
    ])

    // To a machine: nobody answers for the rest until a human is named.
    const one = await house.post(`/v1/identities/${olga}/handover`, { to: 'bot', by: BY, reason: 'jobs move' })
    expect(one.body).toMatchObject({ created: true, credentials: 2, transferred: [], orphaned: ['agent'] })
    const two = await house.cli(['handover', 'olga', '--to', 'bot', '--by', BY, '--owner', 'paul', '--json'])
    expect([two.exit, JSON.parse(two.out)]).toMatchObject([0, { id: one.body.id, created: false, transferred: ['agent'] }])
    expect(await orphans()).toEqual([
      ['agent', 'resolved'],
      ['bot', 'resolved'],
    ])
    expect(await house.audited('identity.handover')).toHaveLength(2)

    const listed = await house.get('/v1/handovers?identity=olga&state=running')
    expect(listed.body).toMatchObject({
      items: [
        {
          id: one.body.id,
          leaver: { externalId: 'olga' },
          receiver: { externalId: 'bot' },
          state: 'running',
          credentials: { total: 2, refused: 0, retired: 0, open: 0 },
          note: 'jobs move',
        },
      ],
      next: null,
    })
    const later = '2126-02-28T18:00:00Z'
    expect((await house.post(`/v1/handovers/${one.body.id}/postpone`, { by: later, reason: 'late' })).body).toMatchObject({
      credentials: 2,
    })
    expect((await house.post(`/v1/handovers/${one.body.id}/postpone`, { by: '2020-01-01T00:00:00Z', reason: 'x' })).status).toBe(
      422,
    )

    const { out } = await house.cli(['identities', 'show', 'OLGA@example.com'])
    for (const part of ['Olga Orth', 'left ', 'Paths', 'wiki', 'left', 'Handovers', 'running']) expect(out).toContain(part)
    const told = await house.cli(['identities', 'show', 'olga', '--json'])
    expect(JSON.parse(told.out)).toMatchObject({
      identity: { externalId: 'olga', state: 'terminated' },
      paths: [{ system: { name: 'api' }, deadline: { revokeBy: '2126-02-28T18:00:00.000000Z' } }, { system: { name: 'wiki' } }],
      handovers: [{ id: one.body.id }],
    })
    expect(JSON.parse((await house.cli(['identities', 'show', 'paul', '--json'])).out).owned).toHaveLength(2)
    expect((await house.cli(['identities', 'show', 'nobody at all'])).exit).toBe(2)

    const cancelled = await house.cli(['handovers', 'cancel', String(one.body.id)])
    expect([cancelled.exit, cancelled.out]).toEqual([0, expect.stringContaining('2 credentials')])
    expect((await house.post(`/v1/handovers/${one.body.id}/cancel`, { reason: 'x' })).status).toBe(409)
    expect((await house.cli(['handovers'])).out).toContain('No handover is running')
    expect((await house.cli(['handovers', '--all'])).out).toContain('cancelled')
  })

  it('tells who holds a shared secret, and what sources say of somebody', async () => {
    await known([{ external_id: 'h1' }, { external_id: 'h2' }])
    const row = { identity: 'h1', system: 'api', label: 'root', secret: { token: 'common' }, holders: 'h2' }
    expect((await holding([row])).body).toMatchObject({ created: 2 })
    const { id } = await db().selectFrom('credential').select('id').where('label', '=', 'root').executeTakeFirstOrThrow()
    const { body } = await house.get(`/v1/credentials/${id}/holders`)
    expect(body).toMatchObject({
      holders: [{ identity: { externalId: 'h1' }, current: true }, { identity: { externalId: 'h2' } }],
    })

    const now = house.runtime.now()
    await syncFeeds(db(), [{ name: 'hr', kind: 'scim', silentAfterMs: 60_000 }], now)
    const feed = await db().selectFrom('feed').selectAll().executeTakeFirstOrThrow()
    await db()
      .insertInto('feed_subject')
      .values({
        ...{ feed_id: feed.id, key: '7', identity_id: await idOf('h1'), standing: 'terminated' },
        ...{ terminated_at: now.toString(), said_at: now.toString(), created_at: now.toString() },
      })
      .execute()
    const said = await house.get(`/v1/identities/${await idOf('h1')}/sources`)
    expect(said.body).toMatchObject({
      sources: [{ source: { name: 'hr', silent: false }, key: '7', standing: 'terminated', held: 0 }],
    })
    expect((await house.cli(['identities', 'show', 'h1'])).out).toMatch(/hr\s+terminated/)
  })
})
