import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { CONFIG_CHECKS } from '../../src/daemon/checks.ts'
import { type FeedDeps, type Feeds, openFeeds } from '../../src/daemon/feeds.ts'
import { type House, openHouse } from '../intake/house.ts'
import { type HttpReceiver, startHttpReceiver } from '../servers/http-receiver.ts'
import { until } from '../servers/revenant.ts'
import { STORES, type TestStore } from '../servers/stores.ts'

const [embedded] = STORES

describe('a source that is asked', () => {
  let test: TestStore
  let house: House
  let server: HttpReceiver
  let waiting: ServerResponse[]
  let feeds: Feeds
  let deps: FeedDeps
  beforeAll(async () => {
    if (embedded === undefined) throw new Error('there is an embedded store')
    test = await embedded.open()
    house = await openHouse(test.store)
    server = await startHttpReceiver((_asked, response) => void waiting.push(response))
  })
  afterAll(async () => {
    await server.close()
    await house.close()
    await test.stop()
  })
  beforeEach(async () => {
    waiting = []
    server.asked.length = 0
    const source = { name: 'hr', source: 'hris', preset: 'rippling', origin: server.origin, password: 'env:HR_TOKEN' }
    const config = await parseConfig(JSON.stringify({ sources: [source] }), 'test', CONFIG_CHECKS)
    feeds = await openFeeds(test.store.db, config, house.now())
    const intake: FeedDeps['intake'] = (actor) => ({ ...house.deps, actor })
    deps = { intake, readReference: async () => 'token', fingerprint: () => '', logger: pino({ level: 'silent' }) }
  })
  const answer = (status = 200) =>
    waiting
      .shift()
      ?.writeHead(status)
      .end(JSON.stringify({ results: [], next_link: null }))
  const asked = (times: number) =>
    until(
      async () => server.asked.length,
      (so) => so >= times,
    )

  it('while it is being asked is asked once more after that, whoever wants it: what it said before may be old', async () => {
    const settled = Promise.allSettled([1, 2, 3].map(() => feeds.pullNow('hr', deps)))
    for (const times of [1, 2]) {
      await asked(times)
      await delay(20)
      expect([server.asked.length, waiting.length]).toEqual([times, 1])
      // A fault of one is none of the next.
      answer(times === 1 ? 500 : 200)
    }
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
    await feeds.close()
  })

  it('says so where a reload calls it off, to whoever waits for it too', async () => {
    const settled = Promise.allSettled([1, 2].map(() => feeds.pullNow('hr', deps)))
    await asked(1)
    await feeds.close()
    expect(await settled).toMatchObject(Array(2).fill({ status: 'rejected', reason: { code: 'CONFLICT' } }))
    expect(server.asked).toHaveLength(1)
  })
})
