import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Store } from '../../src/store/db.ts'
import { openStore } from '../../src/store/open-store.ts'
import { startPostgres } from '../servers/postgres.ts'
import { eventually, expectGrown, expectWhole, snapshot, undelivered, unseen } from './ledger.ts'
import { type DaemonProcess, launchDaemon } from './process.ts'
import { seededRandom } from './random.ts'
import { openTown, seed, type Town } from './town.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function openScene(options: Omit<Parameters<typeof openTown>[0], 'databaseUrl'>) {
  const server = await startPostgres()
  closers.push(() => server.stop())
  const town = await openTown({ ...options, databaseUrl: server.url() })
  closers.push(() => town.close())
  const store = await openStore({ url: server.url(), poolSize: 3, applicationName: 'the test' })
  closers.push(() => store.close())
  return { server, town, store }
}

function launch(town: Town, configPath = town.configPath): DaemonProcess {
  const daemon = launchDaemon(configPath, town.env)
  closers.push(() => daemon.end('SIGKILL'))
  return daemon
}

describe('a daemon that is killed', () => {
  it('30 times in a sweep of 2,000 credentials on Postgres loses nothing and doubles nothing', { timeout: 240_000 }, async () => {
    const random = seededRandom()
    const { town, store } = await openScene({ rate: '100/s', concurrency: 8, pageSize: 50 })
    const seeded = await seed(store.db, town, { tokens: 2_000, liveEvery: 4, accounts: 12 })
    let seen = await snapshot(store.db)
    const left: number[] = []
    for (let kill = 0; kill < 30; kill++) {
      const daemon = launch(town)
      // One in five dies while it starts, the others at some moment of the sweep.
      if (random.next() < 0.2) await Promise.race([daemon.running, sleep(random.next() * 1_500)])
      else {
        await daemon.running
        await sleep(random.next() * 1_300)
      }
      expect((await daemon.end('SIGKILL')).signal).toBe('SIGKILL')
      const now = await snapshot(store.db)
      expectGrown(seen, now)
      seen = now
      left.push(await unseen(store.db))
    }
    process.stdout.write(`credentials not seen yet after each kill: ${left.join(' ')}\n`)
    expect(left.at(-1), 'the sweep ended before the kills did').toBeGreaterThan(0)
    const daemon = launch(town)
    await daemon.running
    // The jobs of the dead process must not keep the next one waiting.
    await eventually(
      'the sweep goes on',
      5_000,
      () => snapshot(store.db),
      (now) => now.observations.size > seen.observations.size,
    )
    await eventually(
      'credentials not seen',
      60_000,
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
    expectGrown(seen, await snapshot(store.db))
    await expectWhole(store.db, town, seeded)
    expect(town.api.peak).toBeLessThanOrEqual(8)
  })
})

describe('a database that is stopped and started', () => {
  it('5 times in mid-sweep ends no daemon, loses nothing and doubles nothing', { timeout: 180_000 }, async () => {
    const { server, town, store } = await openScene({ rate: '60/s', concurrency: 8, pageSize: 50 })
    const seeded = await seed(store.db, town, { tokens: 1_000, liveEvery: 4, accounts: 8 })
    const daemon = launch(town)
    const address = await daemon.running
    const ready = async () => (await fetch(`${address}/readyz`)).status
    let seen = await snapshot(store.db)
    for (let stop = 0; stop < 5; stop++) {
      const before = await unseen(store.db)
      await eventually(
        'the sweep goes on',
        20_000,
        () => unseen(store.db),
        (n) => n < before || n === 0,
      )
      const grown = await snapshot(store.db)
      expectGrown(seen, grown)
      seen = grown
      await server.halt()
      expect(await eventually('readiness', 10_000, ready, (status) => status === 503)).toBe(503)
      const asked = town.api.requests.length
      await sleep(300)
      // What cannot be recorded is not tried.
      expect(town.api.requests.length - asked, 'replays without a database').toBeLessThan(30)
      await server.restart()
      expect(await eventually('readiness', 20_000, ready, (status) => status === 200)).toBe(200)
    }
    await eventually(
      'credentials not seen',
      60_000,
      () => unseen(store.db),
      (n) => n === 0,
    )
    await eventually(
      'alerts not delivered',
      30_000,
      () => undelivered(store.db),
      (n) => n === 0,
    )
    expect((await daemon.end('SIGTERM')).code).toBe(0)
    expectGrown(seen, await snapshot(store.db))
    await expectWhole(store.db, town, seeded)
  })
})

describe('an embedded database whose daemon is killed', () => {
  it('on its very first start opens at the next', { timeout: 120_000 }, async () => {
    const random = seededRandom()
    for (let round = 0; round < 4; round++) {
      const town = await openTown({ rate: '25/s' })
      closers.push(() => town.close())
      const killed = launch(town)
      // While the files of the database are being made.
      await Promise.race([killed.running, filesBegun(`${town.folder}/data`)])
      await sleep(random.next() * 100)
      await killed.end('SIGKILL')
      const daemon = launch(town)
      await daemon.running
      expect((await daemon.end('SIGTERM')).code).toBe(0)
      expect(readdirSync(`${town.folder}/data`)).toEqual(['pg'])
    }
  })

  it('opens again each time, and the sweep completes', { timeout: 180_000 }, async () => {
    const random = seededRandom()
    const town = await openTown({ rate: '25/s', pageSize: 20 })
    closers.push(() => town.close())
    const folder = `${town.folder}/data`
    const prepare = await openStore({ dataDir: folder })
    const seeded = await seed(prepare.db, town, { tokens: 200, liveEvery: 4, accounts: 4 })
    await prepare.close()
    for (let kill = 0; kill < 5; kill++) {
      const daemon = launch(town)
      await daemon.running
      await sleep(random.next() * 1_200)
      await daemon.end('SIGKILL')
    }
    const daemon = launch(town)
    await daemon.running
    await sweepThrough(town)
    await eventually(
      'alerts',
      30_000,
      async () => new Set(town.hook.received.map((each) => each.headers['webhook-id'])).size,
      (n) => n >= 50,
    )
    expect((await daemon.end('SIGTERM')).code).toBe(0)
    const store: Store = await openStore({ dataDir: folder })
    closers.push(() => store.close())
    expect(await unseen(store.db)).toBe(0)
    await expectWhole(store.db, town, seeded)
  })
})

/** Resolves when a database is being made in a folder. */
async function filesBegun(folder: string): Promise<void> {
  const begun = () => existsSync(folder) && readdirSync(folder).some((name) => name.startsWith('pg'))
  while (!begun()) await sleep(5)
}

/** Lets the daemon that holds the embedded database finish its sweep: the command runs inside it. */
async function sweepThrough(town: Town): Promise<void> {
  const { stdout } = await command(process.execPath, ['src/main.ts', '-c', town.configPath, 'scan', '--once', '--json']).catch(
    (ended: { stdout: string; code: number }) => ended,
  )
  const { coverage } = coverageOf.parse(JSON.parse(stdout))
  expect(
    coverage.reasons.filter((each) => each.reason === null),
    'credentials that nobody tried',
  ).toEqual([])
}

const command = promisify(execFile)
const coverageOf = z.object({ coverage: z.object({ reasons: z.array(z.object({ reason: z.string().nullable() })) }) })
