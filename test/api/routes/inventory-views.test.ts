import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { CREDENTIALS_ROUTES } from '../../../src/api/routes/credentials.ts'
import { GRANTS_ROUTES } from '../../../src/api/routes/grants.ts'
import { IDENTITIES_ROUTES } from '../../../src/api/routes/identities.ts'
import { IDENTITY_ACTIONS } from '../../../src/api/routes/identity-actions.ts'
import { INTAKE_ACTIONS } from '../../../src/api/routes/intake-actions.ts'
import { OWNERSHIP_ROUTES } from '../../../src/api/routes/ownership.ts'
import { inventoryConfigSchema } from '../../../src/config/inventory-schema.ts'
import type { ListingFault } from '../../../src/domain/grant.ts'
import { newId } from '../../../src/domain/id.ts'
import { endTurn, keepTurn, saveListing, takeTurn } from '../../../src/store/listing.ts'
import { liveListings } from '../../../src/store/live.ts'
import { systemIdOf } from '../../../src/store/system-page.ts'
import { transact } from '../../../src/store/transact.ts'
import { type ActionHouse, openActionHouse } from '../actions/house.ts'

const ROUTES = [
  ...[...GRANTS_ROUTES, ...IDENTITIES_ROUTES, ...IDENTITY_ACTIONS],
  ...[...INTAKE_ACTIONS, ...OWNERSHIP_ROUTES, ...CREDENTIALS_ROUTES],
]
const HOUR = 3_600_000
const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
const items = z.object({ items: z.array(z.record(z.string(), z.unknown())) })

let house: ActionHouse
let api = ''
beforeAll(async () => {
  house = await openActionHouse(ROUTES)
  const plain = house.runtime.config
  const inventory = inventoryConfigSchema.parse({ kind: 'okta', credential: 'env:NOT_READ', canary: 'carla@corp.example' })
  const systems = plain.systems.map((system) => (system.name === 'api' ? { ...system, inventory } : system))
  house.deps.config = () => ({ ...plain, systems })
  api = (await systemIdOf(db(), 'api')) ?? expect.fail('no system')
  const left = new Date(Date.now() - 48 * HOUR).toISOString()
  const rows = ['ada', 'ben', 'cleo', 'dov'].map((external_id) => ({ external_id, email: `${external_id}@corp.example` }))
  await known([...rows.map((row) => ({ ...row, terminated_at: row.external_id === 'dov' ? '' : left })), { external_id: 'eva' }])
})
afterAll(() => house.stop())

const db = () => house.runtime.store.db
const known = (rows: readonly object[]) => house.upload('/v1/import/identities', 'application/x-ndjson', lines(rows))
const holding = (rows: readonly object[]) => house.upload('/v1/import/credentials', 'application/x-ndjson', lines(rows))
const idOf = async (externalId: string) =>
  (await db().selectFrom('identity').select('id').where('external_id', '=', externalId).executeTakeFirstOrThrow()).id
const list = async (address: string) => {
  const { status, body } = await house.get(address)
  expect([address, status]).toEqual([address, 200])
  return items.parse(body).items
}
const listed = async (who: string, hoursAgo: number, reason?: ListingFault, tokens: readonly string[] = []) => {
  // Before the transaction: the embedded database has one connection.
  const identityId = await idOf(who)
  return transact(db(), (tx) =>
    saveListing(tx, {
      ...{ id: newId(), systemId: api, identityId, inventory: 'okta', traceId: 'b'.repeat(32) },
      at: Temporal.Now.instant().subtract({ hours: hoursAgo }),
      ...{ outcome: reason === undefined ? 'complete' : 'inconclusive', reason, known: true, assurance: 'controlled' },
      looks: reason === undefined ? [{ account: who, list: 'api_tokens' }] : [],
      parts: { api_tokens: reason ?? 'complete' },
      grants: tokens.map((key) => ({ account: who, list: 'api_tokens', kind: 'api_key', key, title: key, facts: {} })),
    }),
  )
}

describe('an inventory', () => {
  it('tells its last turn, its next, and how the last look at each went', async () => {
    await listed('ada', 30, 'forbidden')
    await listed('ada', 3, undefined, ['t1'])
    await listed('ben', 2, 'rate_limited')
    const begun = Temporal.Now.instant().round('millisecond')
    expect(await takeTurn(db(), api, begun, begun.add({ minutes: 5 }), { ms: 0, faultMs: 0 })).toBe(true)
    expect(await list('/v1/inventories')).toEqual([
      {
        ...{ systemId: api, system: 'api', askedAt: expect.any(String), running: true, fault: null, faultAt: null, last: null },
        inventory: { kind: 'okta', by: 'email', everyMs: 24 * HOUR, without: [], canary: 'configured' },
        ...{ standing: 1, looks: { people: 3, complete: 1, inconclusive: 1, never: 1 }, nextAt: expect.any(String) },
      },
    ])

    const end = { people: 3, complete: 1, inconclusive: 2, grants: 1 }
    const at = Temporal.Now.instant()
    await endTurn(db(), api, begun, { ...end, outcome: 'held', fault: 'rate_limited' }, at)
    await keepTurn(db(), api, begun, undefined)
    const [inventory] = await list('/v1/inventories?system=api')
    expect(inventory).toMatchObject({
      ...{ running: false, fault: 'rate_limited', faultAt: expect.any(String) },
      last: { outcome: 'held', people: 3, complete: 1, inconclusive: 2, listed: 1, finishedAt: expect.any(String) },
    })
    // Somebody is due already, and the system is not asked again for a quarter of an hour.
    expect(Temporal.Instant.from(String(inventory?.nextAt)).epochMilliseconds).toBe(begun.add({ minutes: 15 }).epochMilliseconds)
    expect(await list('/v1/inventories?system=wiki')).toEqual([])
    expect(await liveListings(db(), [api])).toMatchObject([
      { id: api, system: 'api', outcome: 'held', inconclusive: 2, listed: 1 },
    ])

    // A turn that somebody else has taken over meanwhile says nothing.
    await endTurn(db(), api, begun.subtract({ minutes: 9 }), { ...end, outcome: 'failed', fault: 'timeout' }, at)
    expect(await list('/v1/inventories')).toMatchObject([{ fault: 'rate_limited', last: { outcome: 'held' } }])
    await endTurn(db(), api, begun, { ...end, outcome: 'completed', fault: undefined }, at)
    expect(await list('/v1/inventories')).toMatchObject([{ fault: null, faultAt: null, last: { outcome: 'completed' } }])
  })

  it('tells the last look at each apart from those before', async () => {
    const told = async (query: string) =>
      (await list(`/v1/listings?${query}`)).map(({ outcome, reason, listed: n }) => [outcome, reason, n])
    expect(await told('identity=ada')).toHaveLength(2)
    // What stands, whether a look shows it or not.
    expect(await list('/v1/listings?identity=ada')).toMatchObject([{ standing: 1 }, { standing: 1, listed: 0 }])
    expect(await told('identity=ada&last=true')).toEqual([['complete', null, 1]])
    expect(await told('identity=ada&last=false')).toEqual([['inconclusive', 'forbidden', 0]])
    expect(await told('last=true&system=api')).toHaveLength(2)
    expect(await told('identity=cleo&last=true')).toEqual([])
    expect((await house.get('/v1/listings?last=maybe')).status).toBe(400)
  })
})

describe('a suspension', () => {
  it('is a filter, of those who are here, in words of its own index', async () => {
    const at = new Date().toISOString()
    for (const who of ['dov', 'ada'])
      await db().updateTable('identity').set({ suspended_at: at }).where('external_id', '=', who).execute()
    const who = async (query: string) => (await list(`/v1/identities?${query}`)).map(({ externalId }) => externalId)
    expect(await who('state=suspended')).toEqual(['dov'])
    expect(await who('state=suspended&sort=-terminatedAt&q=dov')).toEqual(['dov'])
    expect(await who('state=suspended&q=eva')).toEqual([])
    expect(await who('state=active')).toEqual(['dov', 'eva'])
    const { rows } = await plan(
      `select i.id from identity i where i.suspended_at is not null order by (lower(i.name) collate "C"), i.id limit 50`,
    )
    expect(JSON.stringify(rows)).toContain('identity_suspended')
  })
})

describe('a credential', () => {
  it('tells to whom it is handed over, until when, and who else knows its secret', async () => {
    const shared = { identity: 'dov', system: 'api', label: 'root', secret: { token: 'common' }, holders: 'cleo;eva' }
    expect((await holding([shared])).body).toMatchObject({ created: 3 })
    const credential = async (who: string) =>
      (
        await db()
          .selectFrom('credential')
          .select('id')
          .where('label', '=', 'root')
          .where('identity_id', '=', await idOf(who))
          .executeTakeFirstOrThrow()
      ).id
    const ahead = await house.get(`/v1/credentials/${await credential('dov')}`)
    expect(ahead.body).toMatchObject({ standing: 'resting', attempts: 0, dueAt: null, handover: null, rotatedAt: null })

    const by = '2126-01-31T18:00:00.000000Z'
    const agreed = await house.post(`/v1/identities/${await idOf('cleo')}/handover`, { to: 'eva', by, reason: 'jobs move' })
    const mine = await credential('cleo')
    const one = await house.get(`/v1/credentials/${mine}`)
    expect(one.body).toMatchObject({
      handoverBy: by,
      handover: { id: agreed.body.id, receiver: { externalId: 'eva' }, state: 'running' },
    })
    const matrix = await house.get(`/v1/identities/${await idOf('cleo')}/matrix`)
    expect(matrix.body).toMatchObject({ rows: [{ credentials: [{ handoverBy: by, shared: true }] }] })
    await db().updateTable('credential').set({ handover_by: '2020-01-01T00:00:00Z' }).where('id', '=', mine).execute()
    expect((await house.get(`/v1/credentials/${mine}`)).body).toMatchObject({ handover: { state: 'overdue' } })

    await holding([{ identity: 'eva', system: 'api', label: 'root', secret: { token: 'changed' } }])
    const told = await house.get(`/v1/credentials/${mine}/holders`)
    expect(told.body).toMatchObject({
      holders: [
        {
          identity: { externalId: 'cleo' },
          current: false,
          rotatedAt: expect.any(String),
          standing: 'not_tried',
          deadline: { state: 'overdue' },
        },
        { identity: { externalId: 'dov' }, current: true, rotatedAt: null, standing: 'resting', deadline: null },
        { identity: { externalId: 'eva' }, current: true },
      ],
    })
    expect((await house.get(`/v1/credentials/${mine}`)).body).toMatchObject({ rotatedAt: expect.any(String) })

    await db().updateTable('credential').set({ retired_at: by, retired_reason: 'operator' }).where('id', '=', mine).execute()
    expect((await house.get(`/v1/credentials/${mine}/holders`)).body).toMatchObject({
      holders: [{ standing: 'retired', retiredReason: 'operator' }, { retiredReason: null }, { retiredReason: null }],
    })
  })
})

/** Of a table that is too small for one, without the way around an index. */
async function plan(statement: string) {
  return transact(db(), async (tx) => {
    await sql`set local enable_seqscan = off`.execute(tx)
    return sql.raw<object>(`explain ${statement}`).execute(tx)
  })
}
