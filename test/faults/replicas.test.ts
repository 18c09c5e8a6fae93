import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { Db } from '../../src/store/db.ts'
import { openStore } from '../../src/store/open-store.ts'
import { startPostgres } from '../servers/postgres.ts'
import { eventually, expectWhole, undelivered, unseen } from './ledger.ts'
import { launchDaemon } from './process.ts'
import { openTown, seed, type Town } from './town.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const CONCURRENCY = 6

async function openScene(shards: number) {
  const server = await startPostgres()
  closers.push(() => server.stop())
  const town = await openTown({ databaseUrl: server.url(), rate: '100/s', concurrency: CONCURRENCY, pageSize: 20, shards })
  closers.push(() => town.close())
  // Answers that take their time fill the system's concurrency to the brim.
  town.api.delayMs = 60
  const store = await openStore({ url: server.url(), poolSize: 3, applicationName: 'the test' })
  closers.push(() => store.close())
  const replica = (name: string) => {
    const daemon = launchDaemon(
      town.configure(name, (text) => text.replace('instance: town', `instance: ${name}`)),
      town.env,
    )
    closers.push(() => daemon.end('SIGKILL'))
    return daemon
  }
  return { town, store, replica }
}

/** Trials of one system and shard that ran at the same time, and which replicas ran any. */
async function trialsOf(db: Db) {
  const trials = await db.selectFrom('trial').selectAll().orderBy('started_at').execute()
  const overlaps = trials.filter((trial, index) =>
    trials
      .slice(index + 1)
      .some(
        (later) =>
          later.system_id === trial.system_id &&
          later.shard === trial.shard &&
          later.started_at.epochMilliseconds < (trial.finished_at?.epochMilliseconds ?? 0),
      ),
  )
  return { overlaps, instances: new Set(trials.map((trial) => trial.instance)), trials }
}

async function settle(db: Db): Promise<void> {
  await eventually(
    'credentials not seen',
    60_000,
    () => unseen(db),
    (n) => n === 0,
  )
  await eventually(
    'alerts not delivered',
    20_000,
    () => undelivered(db),
    (n) => n === 0,
  )
}

/** Each alert once: nobody crashed, so there is no reason for a second time. */
function expectOnce(town: Town): void {
  const ids = town.hook.received.map((each) => each.headers['webhook-id'])
  expect(ids.length).toBe(new Set(ids).size)
}

describe('two replicas on one database', () => {
  it('never run one system at once, and deliver each alert once', { timeout: 120_000 }, async () => {
    const { town, store, replica } = await openScene(1)
    const seeded = await seed(store.db, town, { tokens: 500, liveEvery: 3, accounts: 4 })
    const daemons = [replica('one'), replica('two')]
    await Promise.all(daemons.map((daemon) => daemon.running))
    await settle(store.db)
    for (const daemon of daemons) expect((await daemon.end('SIGTERM')).code).toBe(0)
    expect(town.api.peak).toBeLessThanOrEqual(CONCURRENCY)
    expect((await trialsOf(store.db)).overlaps).toEqual([])
    await expectWhole(store.db, town, seeded)
    expectOnce(town)
  })

  it('share the shards of one system within its limits', { timeout: 120_000 }, async () => {
    const { town, store, replica } = await openScene(2)
    const seeded = await seed(store.db, town, { tokens: 400, liveEvery: 3, accounts: 0 })
    const daemons = [replica('one'), replica('two')]
    await Promise.all(daemons.map((daemon) => daemon.running))
    await settle(store.db)
    for (const daemon of daemons) expect((await daemon.end('SIGTERM')).code).toBe(0)
    expect(town.api.peak).toBeLessThanOrEqual(CONCURRENCY)
    const { overlaps, trials } = await trialsOf(store.db)
    expect(overlaps).toEqual([])
    expect(new Set(trials.map((trial) => trial.shard))).toEqual(new Set([0, 1]))
    await expectWhole(store.db, town, seeded)
    expectOnce(town)
  })

  it('take over from one that is killed, within seconds', { timeout: 120_000 }, async () => {
    const { town, store, replica } = await openScene(1)
    const seeded = await seed(store.db, town, { tokens: 400, liveEvery: 3, accounts: 4 })
    const first = replica('one')
    await first.running
    await eventually(
      'the first begins',
      30_000,
      () => unseen(store.db),
      (n) => n < 400,
    )
    const second = replica('two')
    await second.running
    await sleep(500)
    const before = await unseen(store.db)
    expect((await trialsOf(store.db)).instances).toEqual(new Set(['one']))
    await first.end('SIGKILL')
    // A heartbeat alone would take ten to twenty seconds to tell.
    await eventually(
      'the second goes on',
      9_000,
      () => unseen(store.db),
      (n) => n < before - 20,
    )
    await settle(store.db)
    expect((await second.end('SIGTERM')).code).toBe(0)
    expect(town.api.peak).toBeLessThanOrEqual(CONCURRENCY)
    await expectWhole(store.db, town, seeded)
  })
})
