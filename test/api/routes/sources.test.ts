import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { IDENTITIES_ROUTES } from '../../../src/api/routes/identities.ts'
import { INTAKE_ACTIONS } from '../../../src/api/routes/intake-actions.ts'
import { OVERVIEW_ROUTES } from '../../../src/api/routes/overview.ts'
import { SOURCES_ROUTES } from '../../../src/api/routes/sources.ts'
import type { Feed, Said } from '../../../src/intake/feed/said.ts'
import { takeStatements } from '../../../src/intake/feed/take.ts'
import { syncFeeds } from '../../../src/store/feed.ts'
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
})
