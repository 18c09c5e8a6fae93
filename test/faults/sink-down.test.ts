import { afterEach, describe, expect, it } from 'vitest'
import { openStore } from '../../src/store/open-store.ts'
import { startPostgres } from '../servers/postgres.ts'
import { type Received, startWebhookReceiver } from '../servers/webhook-receiver.ts'
import { eventually, expectWhole, undelivered, unseen } from './ledger.ts'
import { launchDaemon } from './process.ts'
import { openTown, seed } from './town.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

describe('a receiver that is down while a sweep finds 300 open doors', () => {
  it('holds up no trial and no other receiver, and gets every alert when it is back', { timeout: 240_000 }, async () => {
    const server = await startPostgres()
    closers.push(() => server.stop())
    const town = await openTown({ databaseUrl: server.url(), rate: '200/s', pageSize: 50 })
    closers.push(() => town.close())
    let down = true
    const taken: Received[] = []
    const soc = await startWebhookReceiver({
      // The first hang until their time is over, as a firewall that drops would let them; then it refuses.
      respond: (response, one) => {
        if (soc.received.length <= 4) return
        if (!down) taken.push(one)
        response.writeHead(down ? 503 : 204).end()
      },
    })
    closers.push(() => soc.close())
    const store = await openStore({ url: server.url(), poolSize: 3, applicationName: 'the test' })
    closers.push(() => store.close())
    const seeded = await seed(store.db, town, { tokens: 600, liveEvery: 2, accounts: 0 })
    const other = '  - { name: soc, sink: webhook, format: json, to: "SOC", minSeverity: info, timeout: 5s }\ntelemetry:'
    const daemon = launchDaemon(
      town.configure('down', (text) => text.replace('telemetry:', other.replace('SOC', soc.url))),
      town.env,
    )
    closers.push(() => daemon.end('SIGKILL'))
    await daemon.running

    await eventually(
      'credentials not seen',
      60_000,
      () => unseen(store.db),
      (n) => n === 0,
    )
    // Not one alert had got through when everything was tried, and the other receiver has all of its own.
    expect(taken).toEqual([])
    await eventually(
      'alerts at the other receiver',
      15_000,
      async () => town.hook.received.length,
      (n) => n >= 300,
    )
    const tries = soc.received.length
    expect(tries).toBeGreaterThanOrEqual(4)
    expect(tries, 'tries of 300 deliveries').toBeLessThan(30)
    expect(await undelivered(store.db)).toBe(300)

    down = false
    await eventually(
      'alerts not delivered',
      120_000,
      () => undelivered(store.db),
      (n) => n === 0,
    )
    expect((await daemon.end('SIGTERM')).code).toBe(0)
    const alerts = await store.db.selectFrom('alert').select('id').execute()
    expect(alerts).toHaveLength(300)
    await expectWhole(store.db, town, seeded)
    await expectWhole(store.db, { ...town, hook: { ...soc, received: taken } }, seeded)
    const ids = taken.map(({ headers }) => headers['webhook-id'])
    expect(new Set(ids).size, 'each once, under one id').toBe(ids.length)
  })
})
