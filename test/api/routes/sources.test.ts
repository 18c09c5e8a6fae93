import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { IDENTITIES_ROUTES } from '../../../src/api/routes/identities.ts'
import { INTAKE_ACTIONS } from '../../../src/api/routes/intake-actions.ts'
import { OVERVIEW_ROUTES } from '../../../src/api/routes/overview.ts'
import { SOURCES_ROUTES } from '../../../src/api/routes/sources.ts'
import type { Feed, Said } from '../../../src/intake/feed/said.ts'
import { takeStatements } from '../../../src/intake/feed/take.ts'
import { moveFeed, syncFeeds } from '../../../src/store/feed.ts'
import { noteFault } from '../../../src/store/feed-fault.ts'
import { type ActionHouse, openActionHouse } from '../actions/house.ts'

const items = z.looseObject({ items: z.array(z.record(z.string(), z.unknown())) })

describe('what sources said, over the API', () => {
  let house: ActionHouse
  let okta: Feed
  beforeAll(async () => {
    house = await openActionHouse([...SOURCES_ROUTES, ...INTAKE_ACTIONS, ...IDENTITIES_ROUTES, ...OVERVIEW_ROUTES])
    const { runtime } = house
    const [row] = await syncFeeds(runtime.store.db, [{ name: 'okta', kind: 'scim', silentAfterMs: 3_600_000 }], runtime.now())
    okta = {
      ...{ id: row?.id ?? expect.fail('no feed'), name: 'okta', kind: 'scim' },
      policy: { inactive: 'ask', deleted: 'terminate', joiners: 'follow', mass: { share: 1, least: 1_000, windowMs: 60_000 } },
    }
    await house.upload('/v1/import/identities?name=people.csv', 'text/csv', 'external_id,name\nanna,Anna Berg\nbad\tid,\n')
  })
  afterAll(() => house.stop())

  const say = async (who: string, standing: Said['standing']) => {
    const deps = house.runtime.feedDeps.intake('feed okta')
    await takeStatements(okta, [{ key: `key-${who}`, externalId: who, name: `Name ${who}`, standing }], deps)
  }
  const get = async (path: string, role?: 'viewer') => items.parse((await house.get(path, role)).body).items
  const idOf = async (q: string) => z.string().parse((await get(`/v1/identities?q=${q}`))[0]?.id)

  it('tells of imports, and who did it only to whoever may read the audit', async () => {
    const [told] = await get('/v1/imports')
    expect(told).toMatchObject({ what: 'identities', name: 'people.csv', actor: 'anna', created: 1, stopped: false })
    expect((await get('/v1/imports', 'viewer'))[0]).toMatchObject({ name: 'people.csv', actor: null })
    expect(await get('/v1/imports?what=credentials,report')).toEqual([])
  })

  it('tells since when a source calls somebody suspended', async () => {
    await say('anna', { is: 'active' })
    await say('bea', { is: 'suspended' })
    const [anna, bea] = [await idOf('anna'), await idOf('bea')]
    expect((await house.get(`/v1/identities/${anna}`)).body.suspendedAt).toBeNull()
    expect((await house.get(`/v1/identities/${bea}`)).body).toMatchObject({ state: 'active', suspendedAt: expect.any(String) })
  })

  it('counts what waits for a decision, and names whom it is about', async () => {
    expect((await house.get('/v1/overview')).body.held).toBe(0)
    await say('anna', { is: 'inactive' })
    expect((await house.get('/v1/overview')).body.held).toBe(1)
    const [held] = await get('/v1/source-statements?state=held,dismissed')
    expect(held).toMatchObject({
      called: 'anna',
      name: 'Name anna',
      reason: 'ask',
      state: 'held',
      identity: { externalId: 'anna' },
    })
  })

  it('tells what either answer to a known name does, refuses one to a word that is not the last, and names what it did', async () => {
    await say('cleo', { is: 'active' })
    const deps = house.runtime.feedDeps.intake('feed okta')
    const reuse = (standing: Said['standing']) =>
      takeStatements(okta, [{ key: 'another', externalId: 'cleo', name: 'Cleo', standing }], deps)
    await reuse({ is: 'active' })
    const address = '/v1/source-statements?state=held&reason=identifier_reuse'
    const [first] = await get(address)
    expect(first).toMatchObject({ says: 'joined', answers: { same: { standing: 'active', at: null } } })
    await reuse({ is: 'terminated', at: Temporal.Instant.from('2026-11-20T17:00:00Z') })
    const [last] = await get(address)
    const goes = { standing: 'terminated', at: expect.stringMatching(/^2026-11-20T17:00:00/) }
    expect(last).toMatchObject({ says: 'terminated', effectiveAt: goes.at, answers: { same: goes, other: goes } })
    const decide = (id: unknown, decision: 'apply' | 'dismiss') =>
      house.post('/v1/source-statements/decide', { ids: [id], decision })
    for (const decision of ['apply', 'dismiss'] as const)
      expect(await decide(first?.id, decision)).toMatchObject({
        status: 409,
        body: { detail: expect.stringContaining('something else since') },
      })
    expect((await get('/v1/identities?q=cleo'))[0]).toMatchObject({ terminatedAt: null })
    expect((await decide(last?.id, 'dismiss')).body).toEqual({
      items: [{ id: last?.id, outcome: null, identityId: null, externalId: null, terminatedAt: null, suspendedAt: null }],
    })
    expect((await get('/v1/source-statements?state=dismissed,superseded'))[0]).toMatchObject({ answers: null })
  })

  it('tells of whom it could not take a word, until somebody has seen to it', async () => {
    const { db } = house.runtime.store
    const at = house.runtime.now()
    for (const key of ['key-anna', undefined, 'key-anna'])
      await noteFault(db, okta.id, { key, fault: 'it is no date', saidAt: at }, at)
    const [source] = await get('/v1/sources')
    expect(source).toMatchObject({ fault: 'it is no date', refused: { subjects: 2, count: 3 } })
    expect(await get('/v1/source-faults?source=nobody')).toEqual([])
    const told = await get('/v1/source-faults?source=okta', 'viewer')
    expect(told).toHaveLength(2)
    expect(told).toContainEqual(expect.objectContaining({ key: 'key-anna', externalId: 'anna', count: 2 }))
    expect(told).toContainEqual(expect.objectContaining({ key: null, externalId: null, count: 1 }))
    const dismiss = (name: string, body: object) => house.post(`/v1/sources/${name}/dismiss-faults`, body)
    expect((await dismiss('nobody', {})).status).toBe(404)
    expect((await dismiss('okta', { keys: ['key-anna'] })).body).toEqual({ dismissed: 1 })
    expect((await dismiss('okta', {})).body).toEqual({ dismissed: 1 })
    expect((await get('/v1/sources'))[0]).toMatchObject({ fault: null, refused: null })
    const told2 = await db.selectFrom('audit').select('subject').where('action', '=', 'feed.dismiss_faults').execute()
    expect(told2).toHaveLength(2)
  })

  it('tells whom a source is not asked for any more, until somebody says that they have left', async () => {
    const { db } = house.runtime.store
    const counts = async () => (await get('/v1/sources')).map(({ name, outOfSight }) => [name, outOfSight])
    expect(await counts()).toEqual([['okta', 0]])
    const since = house.runtime.now()
    const people = [
      { of: 'some', since: null },
      { of: 'others', since: since.toString() },
    ]
    await moveFeed(db, okta.id, { people: people.map((each) => ({ ...each, untold: true })) })
    expect(await counts()).toEqual([['okta', 0]])
    await moveFeed(db, okta.id, { people })
    // Bea is asked for as before, and is heard of.
    await say('bea', { is: 'suspended' })
    await say('dora', { is: 'active' })
    await db
      .updateTable('feed_subject')
      .set({ said_at: since.subtract({ hours: 1 }).toString() })
      .where('key', 'in', ['key-anna', 'key-dora'])
      .execute()
    const unseen = await get('/v1/sources/okta/out-of-sight', 'viewer')
    expect(unseen.map(({ key }) => key)).toEqual(expect.arrayContaining(['key-anna', 'key-dora']))
    expect(unseen.map(({ key }) => key)).not.toContain('key-bea')
    expect(unseen[0]).toMatchObject({ key: 'key-anna', identity: { externalId: 'anna' }, saidAt: expect.any(String) })
    expect(await counts()).toEqual([['okta', unseen.length]])
    const left = 'external_id,status,terminated_at\ndora,terminated,2026-11-01T00:00:00Z\n'
    await house.upload('/v1/import/identities?name=left.csv', 'text/csv', left)
    expect(await counts()).toEqual([['okta', unseen.length - 1]])
    expect((await house.get('/v1/sources/nobody/out-of-sight')).status).toBe(404)
  })
})
