import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { Store } from '../../src/store/db.ts'
import { openStore } from '../../src/store/open-store.ts'
import { eventually, expectWhole, undelivered, unseen } from '../faults/ledger.ts'
import { type DaemonProcess, launchDaemon } from '../faults/process.ts'
import { openTown, seed, type Town } from '../faults/town.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function openScene(rate: string): Promise<{ server: PostgresServer; town: Town; store: Store }> {
  const server = await startPostgres()
  closers.push(() => server.stop())
  const town = await openTown({ databaseUrl: server.url(), rate, concurrency: 4, pageSize: 500 })
  closers.push(() => town.close())
  const store = await openStore({ url: server.url(), poolSize: 3, applicationName: 'the test' })
  closers.push(() => store.close())
  return { server, town, store }
}

function launch(town: Town): DaemonProcess {
  const daemon = launchDaemon(town.configPath, town.env)
  closers.push(() => daemon.end('SIGKILL'))
  return daemon
}

function edit(town: Town, change: (text: string) => string): void {
  writeFileSync(town.configPath, change(readFileSync(town.configPath, 'utf8')))
}

const logged = (daemon: DaemonProcess, message: string) =>
  eventually(
    message,
    10_000,
    async () => daemon.log(),
    (log) => log.includes(message),
  )

describe('SIGTERM in mid-sweep', () => {
  it.each([
    ['answers come at once', 0],
    ['every answer is slow', 4_000],
  ])('ends with 0, with everything recorded that was done, where %s', { timeout: 60_000 }, async (_name, delayMs) => {
    const { town, store } = await openScene('100/s')
    const seeded = await seed(store.db, town, { tokens: 600, liveEvery: 1_000, accounts: 0 })
    town.api.delayMs = 5
    const daemon = launch(town)
    await daemon.running
    await eventually(
      'replays',
      10_000,
      async () => town.api.requests.length,
      (n) => n > 40,
    )
    town.api.delayMs = delayMs
    await sleep(600)
    const began = performance.now()
    expect(await daemon.end('SIGTERM')).toEqual({ code: 0, signal: null })
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(daemon.log()).not.toContain('"level":"error"')

    // Whatever answer was read is in the database: all but those that were under way.
    const asked = new Set(town.api.requests.map((request) => request.token))
    const recorded = 600 - (await unseen(store.db))
    expect(recorded).toBeGreaterThan(20)
    // Two decoys, a confirmation and four lanes.
    expect(asked.size - recorded).toBeLessThanOrEqual(2 + 1 + 4)
    const trials = await store.db.selectFrom('trial').select(['outcome', 'accepted', 'rejected', 'inconclusive']).execute()
    expect(trials.map((trial) => trial.outcome)).toEqual(['stopped'])
    expect(trials.map((trial) => trial.accepted + trial.rejected + trial.inconclusive)).toEqual([recorded])

    // The next start goes on with the rest.
    town.api.delayMs = 0
    const again = launch(town)
    await eventually(
      'credentials not seen',
      20_000,
      () => unseen(store.db),
      (n) => n === 0,
    )
    await eventually(
      'alerts not delivered',
      15_000,
      () => undelivered(store.db),
      (n) => n === 0,
    )
    expect((await again.end('SIGTERM')).code).toBe(0)
    await expectWhole(store.db, town, seeded)
  })
})

describe('SIGHUP', () => {
  it('keeps the old file where the new one is bad, and says why', { timeout: 60_000 }, async () => {
    const { town, store } = await openScene('200/s')
    const daemon = launch(town)
    await daemon.running
    const good = readFileSync(town.configPath, 'utf8')
    edit(town, (text) => text.replace('probe: http', 'probe: htpp'))
    daemon.child.kill('SIGHUP')
    await logged(daemon, 'the configuration was not reloaded')
    writeFileSync(town.configPath, good)
    // The old one is in force: what is due is tried by it.
    await seed(store.db, town, { tokens: 20, liveEvery: 5, accounts: 0 })
    await eventually(
      'credentials not seen',
      10_000,
      () => unseen(store.db),
      (n) => n === 0,
    )
    expect((await daemon.end('SIGTERM')).code).toBe(0)
  })

  it('takes a good file over: a new system is tried without a restart', { timeout: 60_000 }, async () => {
    const { town, store } = await openScene('200/s')
    const daemon = launch(town)
    await daemon.running
    edit(town, (text) => text.replace('  - name: accounts', `${systemText(town, 'late')}  - name: accounts`))
    const seeded = await seed(store.db, town, { tokens: 20, liveEvery: 5, accounts: 0 }, 'late')
    await sleep(1_500)
    expect(await unseen(store.db), 'tried before the daemon knew of it').toBe(20)
    daemon.child.kill('SIGHUP')
    await logged(daemon, 'configuration reloaded')
    await eventually(
      'credentials not seen',
      10_000,
      () => unseen(store.db),
      (n) => n === 0,
    )
    await eventually(
      'alerts not delivered',
      15_000,
      () => undelivered(store.db),
      (n) => n === 0,
    )
    expect((await daemon.end('SIGTERM')).code).toBe(0)
    await expectWhole(store.db, town, seeded)
  })

  it('sends no secret to an address that changed', { timeout: 60_000 }, async () => {
    const { town, store } = await openScene('200/s')
    const daemon = launch(town)
    await daemon.running
    // localhost is another origin, and the same server.
    edit(town, (text) => text.replace(`${town.api.origin}/user`, `${town.api.origin.replace('127.0.0.1', 'localhost')}/user`))
    daemon.child.kill('SIGHUP')
    await logged(daemon, 'configuration reloaded')
    const asked = town.api.requests.length
    await seed(store.db, { ...town, configPath: town.configure('before') }, { tokens: 10, liveEvery: 5, accounts: 0 })
    // Seeding by the old file has put the old origin back: the daemon says the new one again.
    await store.db
      .updateTable('system')
      .set({ origin: town.api.origin.replace('127.0.0.1', 'localhost') })
      .where('name', '=', 'tokens')
      .execute()
    await eventually(
      'credentials not seen',
      10_000,
      () => unseen(store.db),
      (n) => n === 0,
    )
    const reasons = await store.db.selectFrom('observation').select('reason').distinct().execute()
    expect(reasons).toEqual([{ reason: 'origin_changed' }])
    expect(town.api.requests.length).toBe(asked)
    expect((await daemon.end('SIGTERM')).code).toBe(0)
  })
})

function systemText(town: Town, name: string): string {
  return `  - name: ${name}
    probe: http
    target:
      url: ${town.api.origin}/user
      tls: disable
      credential: bearer
      accept: [{ when: { status: 200, json: { /login: { type: string } } } }]
      principal: /login
    limits: { rate: 200/s }
`
}
