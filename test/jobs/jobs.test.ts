import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { newId } from '../../src/domain/id.ts'
import { type Jobs, openJobs, type TrialJob } from '../../src/jobs/jobs.ts'
import { openOrphanWatch } from '../../src/jobs/orphan-watch.ts'
import { openClaims } from '../../src/store/claims.ts'
import { STORES, type TestStore } from '../servers/stores.ts'

/** Waits until a condition holds, and says whether it came to hold. */
async function within(ms: number, holds: () => boolean): Promise<boolean> {
  for (const until = performance.now() + ms; performance.now() < until; await sleep(10)) if (holds()) return true
  return holds()
}

describe.each(STORES.filter((kind) => kind.name !== 'Postgres 15'))('jobs on $name', (kind) => {
  let test: TestStore
  let jobs: Jobs[] = []
  const errors: Error[] = []

  beforeAll(async () => {
    test = await kind.open()
  })
  afterAll(() => test.stop())
  afterEach(async () => {
    for (const each of jobs) await each.stop(0)
    jobs = []
    errors.length = 0
    await sql`delete from pgboss.job`.execute(test.store.db)
  })

  const open = async (store = test.store): Promise<Jobs> => {
    const opened = await openJobs({ store, trialBudgetMs: 60_000, onError: (error) => errors.push(error) })
    jobs.push(opened)
    await opened.prepareDeliveries(['hook', 'hangs', 'quick'])
    return opened
  }
  const db = () => test.store.db
  const job = (shard = 0): TrialJob => ({ systemId: newId(), shard })
  const zone = () => `z${newId().slice(-8)}`

  it('enqueues in a transaction as the very first thing, and nothing of one that is rolled back', async () => {
    const queue = await open()
    const [kept, lost] = [zone(), zone()]
    await queue.prepareTrials([kept, lost])
    expect(
      await db()
        .transaction()
        .execute((tx) => queue.enqueueTrial(tx, kept, job())),
    ).toBe(true)
    const failure = new Error('on purpose')
    await expect(
      db()
        .transaction()
        .execute(async (tx) => {
          expect(await queue.enqueueTrial(tx, lost, job())).toBe(true)
          expect(await queue.enqueueDelivery(tx, { deliveryId: newId(), sink: 'hook', attempts: 0 })).toBe(true)
          throw failure
        }),
    ).rejects.toBe(failure)
    expect(await queue.pendingTrials(kept)).toBe(1)
    expect(await queue.pendingTrials(lost)).toBe(0)
    const seen: unknown[] = []
    await queue.workDeliveries('hook', 1, async (delivery) => void seen.push(delivery))
    await sleep(300)
    expect(seen).toEqual([])
  })

  it('refuses a key that is queued or running, and takes another shard, and the same one once it is done', async () => {
    const queue = await open()
    const of = zone()
    const one = job()
    expect(await queue.enqueueTrial(db(), of, one)).toBe(true)
    expect(await queue.enqueueTrial(db(), of, one)).toBe(false)
    expect(await queue.enqueueTrial(db(), of, { ...one, shard: 1 })).toBe(true)
    const ends = new Map<number, () => void>()
    await queue.workTrials(of, 4, ({ shard }) => new Promise((resolve) => ends.set(shard, resolve)))
    expect(await within(2_000, () => ends.size === 2)).toBe(true)
    expect(await queue.enqueueTrial(db(), of, one)).toBe(false)
    ends.get(0)?.()
    ends.get(1)?.()
    expect(await eventually(async () => queue.enqueueTrial(db(), of, one))).toBe(true)
    expect(await within(2_000, () => ends.size === 2)).toBe(true)
    ends.get(0)?.()
  })

  it('wakes a worker within a second of the commit, not of the enqueueing', async () => {
    const queue = await open()
    const of = zone()
    let startedAt = 0
    await queue.workTrials(of, 2, async () => {
      startedAt = performance.now()
    })
    await sleep(300)
    let committedAt = 0
    await db()
      .transaction()
      .execute(async (tx) => {
        await queue.enqueueTrial(tx, of, job())
        await sleep(200)
        expect(startedAt).toBe(0)
        committedAt = performance.now()
      })
    expect(await within(1_000, () => startedAt > 0)).toBe(true)
    expect(startedAt).toBeGreaterThanOrEqual(committedAt)
  })

  it('works off a burst that one NOTIFY told of', async () => {
    const queue = await open()
    const done = new Set<string>()
    await queue.workDeliveries('hook', 3, async ({ deliveryId }) => void done.add(deliveryId))
    await sleep(300)
    await db()
      .transaction()
      .execute(async (tx) => {
        for (let n = 0; n < 40; n++) await queue.enqueueDelivery(tx, { deliveryId: newId(), sink: 'hook', attempts: 0 })
      })
    // Polling alone would take four minutes.
    expect(await within(5_000, () => done.size === 40)).toBe(true)
  })

  it('starts a delivery that was put off close to its time', async () => {
    const queue = await open()
    let startedAt = 0
    await queue.workDeliveries('hook', 2, async () => {
      startedAt = Date.now()
    })
    await sleep(300)
    const at = Temporal.Now.instant().add({ milliseconds: 1_200 })
    await queue.enqueueDelivery(db(), { deliveryId: newId(), sink: 'hook', attempts: 1 }, at)
    expect(await within(4_000, () => startedAt > 0)).toBe(true)
    expect(startedAt).toBeGreaterThanOrEqual(at.epochMilliseconds)
    expect(startedAt - at.epochMilliseconds).toBeLessThan(1_500)
  })

  it('keeps workers free for other sinks while one hangs, and goes on with that one afterwards', async () => {
    const queue = await open()
    let hung = 0
    let quick = 0
    const release = Promise.withResolvers<void>()
    await queue.workDeliveries('hangs', 2, () => {
      hung++
      return release.promise
    })
    for (let twice = 0; twice < 2; twice++) await queue.workDeliveries('quick', 2, async () => void quick++)
    for (let n = 0; n < 10; n++) await queue.enqueueDelivery(db(), { deliveryId: newId(), sink: 'hangs', attempts: 0 })
    expect(await within(2_000, () => hung === 2)).toBe(true)
    for (let n = 0; n < 10; n++) await queue.enqueueDelivery(db(), { deliveryId: newId(), sink: 'quick', attempts: 0 })
    expect(await within(3_000, () => quick === 10)).toBe(true)
    expect(hung).toBe(2)
    release.resolve()
    expect(await within(3_000, () => hung === 10)).toBe(true)
  })

  it('enqueues nothing for a sink that nobody here would work for, not even in a transaction', async () => {
    const queue = await open()
    const unknown = { deliveryId: newId(), sink: 'removed', attempts: 0 }
    expect(
      await db()
        .transaction()
        .execute((tx) => queue.enqueueDelivery(tx, unknown)),
    ).toBe(false)
  })

  it('lets a try under way enqueue the next, and refuses the same try twice', async () => {
    const queue = await open()
    const deliveryId = newId()
    const tries: number[] = []
    await queue.workDeliveries('hook', 2, async ({ attempts }) => {
      tries.push(attempts)
      if (attempts > 1) return
      const next = Temporal.Now.instant().add({ milliseconds: 300 })
      expect(await queue.enqueueDelivery(db(), { deliveryId, sink: 'hook', attempts: attempts + 1 }, next)).toBe(true)
      expect(await queue.enqueueDelivery(db(), { deliveryId, sink: 'hook', attempts: attempts + 1 }, next)).toBe(false)
    })
    expect(await queue.enqueueDelivery(db(), { deliveryId, sink: 'hook', attempts: 0 })).toBe(true)
    expect(await within(8_000, () => tries.length === 3)).toBe(true)
    expect(tries).toEqual([0, 1, 2])
  })

  it('tries a delivery again whose work threw, and says what it threw', async () => {
    const queue = await open()
    let tries = 0
    await queue.workDeliveries('hook', 1, async () => {
      tries++
      if (tries === 1) throw new Error('the database went away')
    })
    await queue.enqueueDelivery(db(), { deliveryId: newId(), sink: 'hook', attempts: 0 })
    expect(await within(5_000, () => tries === 2)).toBe(true)
    expect(errors.map((error) => error.message)).toEqual(['the database went away'])
  })

  it('stops the trials at once, lets deliveries finish, and waits for both', async () => {
    const queue = await open()
    const of = zone()
    const ended: string[] = []
    await queue.workTrials(of, 1, async (_job, signal) => {
      ended.push('trial began')
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      await sleep(100)
      ended.push('trial')
    })
    await queue.workDeliveries('hook', 1, async (_job, signal) => {
      ended.push('delivery began')
      await sleep(700)
      ended.push(signal.aborted ? 'delivery aborted' : 'delivery')
    })
    await queue.enqueueTrial(db(), of, job())
    await queue.enqueueDelivery(db(), { deliveryId: newId(), sink: 'hook', attempts: 0 })
    expect(await within(2_000, () => ended.length === 2)).toBe(true)
    await queue.stop(5_000)
    expect(ended.slice(2)).toEqual(['trial', 'delivery'])
  })

  it('aborts what does not end within the grace', async () => {
    const queue = await open()
    let aborted = false
    await queue.workDeliveries('hook', 1, async (_job, signal) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      aborted = true
    })
    await queue.enqueueDelivery(db(), { deliveryId: newId(), sink: 'hook', attempts: 0 })
    await sleep(500)
    await queue.stop(1_000)
    expect(aborted).toBe(true)
  })
})

async function eventually(ask: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 40; tries++) {
    if (await ask()) return true
    await sleep(50)
  }
  return false
}

describe('two processes on one Postgres', () => {
  let test: TestStore
  const opened: Jobs[] = []

  beforeAll(async () => {
    const kind = STORES.find((each) => each.name === 'Postgres 18')
    if (kind === undefined) throw new Error('no Postgres 18')
    test = await kind.open()
  })
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.stop(0)
  })
  afterAll(() => test.stop())

  const open = async (): Promise<Jobs> => {
    const jobs = await openJobs({ store: (await test.again?.()) ?? test.store, trialBudgetMs: 60_000, onError: () => {} })
    opened.push(jobs)
    return jobs
  }
  const db = () => test.store.db

  it('never work on one key at the same time, even when a silent worker has lost its job', { timeout: 60_000 }, async () => {
    const [one, two] = [await open(), await open()]
    const job = { systemId: newId(), shard: 0 }
    let running = 0
    let peak = 0
    const ends: (() => void)[] = []
    for (const jobs of [one, two]) {
      await jobs.workTrials('default', 2, async () => {
        running++
        peak = Math.max(peak, running)
        await new Promise<void>((resolve) => ends.push(resolve))
        running--
      })
    }
    await one.enqueueTrial(db(), 'default', job)
    expect(await within(3_000, () => running === 1)).toBe(true)
    // What a supervisor does to a worker whose event loop hangs.
    await sql`update pgboss.job set state = 'failed'`.execute(test.store.db)
    await two.enqueueTrial(db(), 'default', job)
    await sleep(800)
    expect(peak).toBe(1)
    for (const end of ends) end()
    expect(await within(3_000, () => running === 0)).toBe(true)
    expect(await eventually(() => two.enqueueTrial(db(), 'default', job))).toBe(true)
    expect(await within(3_000, () => running === 1)).toBe(true)
    for (const end of ends) end()
  })

  it('free the job of one whose connections ended, as soon as its key is wanted', { timeout: 60_000 }, async () => {
    const [one, two] = [await open(), await open()]
    const job = { systemId: newId(), shard: 0 }
    const started: string[] = []
    let aborted = false
    await one.workTrials('taken', 1, async (_job, signal) => {
      started.push('one')
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      aborted = true
      // It hangs on: nobody may take its claim for a sign of life.
      await sleep(3_000)
    })
    await one.enqueueTrial(db(), 'taken', job)
    expect(await within(3_000, () => started.length === 1)).toBe(true)
    await sleep(1_200)
    expect(await two.enqueueTrial(db(), 'taken', job), 'while its worker lives').toBe(false)
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name like '% claims'`.execute(
      test.store.db,
    )
    expect(await within(1_000, () => aborted), 'a worker that lost its claim is told').toBe(true)
    await two.workTrials('taken', 1, async () => void started.push('two'))
    expect(await eventually(() => two.enqueueTrial(db(), 'taken', job))).toBe(true)
    expect(await within(3_000, () => started.includes('two'))).toBe(true)
  })

  it('make the delivery of one that was killed within seconds, though its heartbeat may be new', {
    timeout: 60_000,
  }, async () => {
    const jobs = await open()
    const made: string[] = []
    await jobs.prepareDeliveries(['hook'])
    const orphan = newId()
    await jobs.enqueueDelivery(db(), { deliveryId: orphan, sink: 'hook', attempts: 0 })
    // Taken by a process that is no more.
    await sql`
      update pgboss.job set state = 'active', started_on = now() - interval '5 s', heartbeat_on = now() + interval '1 h'
      where name = 'deliver.hook' and data->>'deliveryId' = ${orphan}
    `.execute(db())
    await jobs.workDeliveries('hook', 1, async ({ deliveryId }) => void made.push(deliveryId))
    expect(await within(20_000, () => made.length > 0)).toBe(true)
    expect(made).toEqual([orphan])
  })

  it('leave alone what another one makes, however often they look', { timeout: 60_000 }, async () => {
    const jobs = await open()
    const made: string[] = []
    const ends: (() => void)[] = []
    await jobs.prepareDeliveries(['slow'])
    await jobs.workDeliveries('slow', 1, async ({ deliveryId }) => {
      made.push(deliveryId)
      await new Promise<void>((resolve) => ends.push(resolve))
    })
    await jobs.enqueueDelivery(db(), { deliveryId: newId(), sink: 'slow', attempts: 0 })
    expect(await within(5_000, () => made.length === 1)).toBe(true)
    await sleep(1_200)
    const claims = openClaims(test.store.queueConnection)
    const said: string[] = []
    const watch = openOrphanWatch({
      boss: { fail: async (_queue, id) => void said.push(id) },
      db: db(),
      claims,
      claimKey: (data) => `deliver:${z.object({ deliveryId: z.uuid() }).parse(data).deliveryId}`,
      queues: () => ['deliver.slow'],
      freed: () => said.push('freed'),
      onError: (error) => said.push(String(error)),
    })
    for (let look = 0; look < 3; look++) await watch.look()
    expect(said).toEqual([])
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name like '% claims'`.execute(db())
    await sleep(100)
    for (let look = 0; look < 2; look++) await watch.look()
    expect(said.slice(-2), 'at the second look without its claim').toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), 'freed'])
    watch.close()
    await claims.close()
    for (const end of ends) end()
  })

  it('look at a delivery again later that another worker is making, and not a thousand times meanwhile', {
    timeout: 60_000,
  }, async () => {
    const jobs = await open()
    let made = 0
    const ends: (() => void)[] = []
    await jobs.prepareDeliveries(['double'])
    await jobs.workDeliveries('double', 2, async () => {
      made++
      await new Promise<void>((resolve) => ends.push(resolve))
    })
    const deliveryId = newId()
    // Two jobs of one delivery, as a message that was full leaves them behind.
    for (const attempts of [0, 1]) await jobs.enqueueDelivery(db(), { deliveryId, sink: 'double', attempts })
    expect(await within(5_000, () => made === 1)).toBe(true)
    await sleep(1_000)
    const counts = async () => {
      const { rows } = await sql<{ retries: number; jobs: number }>`
        select sum(retry_count)::int as retries, count(*)::int as jobs from pgboss.job where name = 'deliver.double'
      `.execute(db())
      return rows[0]
    }
    expect(await counts()).toEqual({ retries: 0, jobs: 3 })
    expect(made).toBe(1)
    ends[0]?.()
    expect(await within(6_000, () => made === 2)).toBe(true)
    for (const end of ends) end()
  })
})
