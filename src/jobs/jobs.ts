import { setTimeout as sleep } from 'node:timers/promises'
import { fromKysely, fromPglite, PgBoss } from 'pg-boss'
import { z } from 'zod'
import { toError } from '../domain/error.ts'
import { openClaims } from '../store/claims.ts'
import type { Queryable, QueueConnection, Store } from '../store/db.ts'
import { type OrphanWatch, openOrphanWatch } from './orphan-watch.ts'
import { freeOrphans } from './orphans.ts'
import { openWakes } from './wakes.ts'

/** One run of one system's due credentials. It carries no credentials: the trial reads what is due when it starts. */
const trialJob = z.strictObject({ systemId: z.uuid(), shard: z.int().nonnegative() })
export type TrialJob = z.infer<typeof trialJob>

/** One alert on its way to one sink. */
const deliveryJob = z.strictObject({ deliveryId: z.uuid(), sink: z.string(), attempts: z.int().nonnegative() })
export type DeliveryJob = z.infer<typeof deliveryJob>

export interface JobsOptions {
  store: Store
  /** How long a trial may hold its job, in milliseconds; its process is given a minute more. */
  trialBudgetMs: number
  /** What goes wrong inside the queues, and what a job's work throws: nobody else hears of it. */
  onError(error: Error): void
}

export interface Jobs {
  /**
   * Makes the queues of zones. To be called before a transaction that enqueues their trials: the embedded database has one
   * connection, which the transaction holds.
   */
  prepareTrials(zones: readonly string[]): Promise<void>
  /** In the caller's transaction; false when that system and shard is already queued or running. */
  enqueueTrial(db: Queryable, zone: string, job: TrialJob): Promise<boolean>
  /**
   * In the caller's transaction; false when that try is already queued, or where the sink was not prepared: nobody here would make
   * it. `startAfter` is the earliest instant to try.
   */
  enqueueDelivery(db: Queryable, job: DeliveryJob, startAfter?: Temporal.Instant): Promise<boolean>
  /** Like `enqueueDelivery`, for many at once: one statement a sink. What is refused is left out in silence. */
  enqueueDeliveries(db: Queryable, jobs: readonly DeliveryJob[], startAfter?: Temporal.Instant): Promise<void>
  /**
   * Runs up to `concurrency` trials of a zone at a time, one after the other while there are any. The signal aborts when the job is
   * lost, when the database is (what cannot be recorded must not be tried), or as soon as the process stops.
   */
  workTrials(zone: string, concurrency: number, work: (job: TrialJob, signal: AbortSignal) => Promise<void>): Promise<void>
  /** Makes the queues of sinks, one each: a receiver that hangs must not hold up the others. */
  prepareDeliveries(sinks: readonly string[]): Promise<void>
  /**
   * Makes up to `count` deliveries of a sink at a time; once for each sink, further calls change nothing. They may finish while the
   * process stops, and are tried again when `work` throws.
   */
  workDeliveries(sink: string, count: number, work: (job: DeliveryJob, signal: AbortSignal) => Promise<void>): Promise<void>
  /** How many jobs of a zone's trials are queued or running. */
  pendingTrials(zone: string): Promise<number>
  /** Takes no more jobs, stops the trials, waits up to `graceMs` for what runs. */
  stop(graceMs: number): Promise<void>
}

/** A worker that says nothing for this long has died; pg-boss's least. Claims tell sooner. */
const HEARTBEAT_SECONDS = 10
const KEEP_DONE_SECONDS = 300
const DELIVERY_EXPIRES_SECONDS = 120
/** When a delivery is looked at again that another worker is making: its job must not bear the second of the one that runs. */
const REFUSED_MS = 2_000
/** How long work that is aborted at the end of the grace may take to say its last words. */
const LAST_WORDS_MS = 2_000

/**
 * Opens the queues on the store's database (schema `pgboss`). Workers wake by LISTEN/NOTIFY and poll as a fallback. A job under a
 * key that is already queued or running is refused by the database (policy `exclusive`), and a worker holds a claim on what it
 * works on, so that N replicas never run one system's shard twice. The trial of a worker that died is freed as soon as somebody
 * wants its key, a delivery within six seconds; where the database keeps no claims, when the queue itself misses their heartbeat, within
 * some twenty seconds.
 */
export async function openJobs(options: JobsOptions): Promise<Jobs> {
  const { queueConnection, kind } = options.store
  const watchSeconds = kind === 'embedded' ? 60 : 10
  const boss = new PgBoss({
    ...connect(queueConnection),
    schema: 'pgboss',
    useListenNotify: true,
    schedule: false,
    // Frees what a replica left that was killed, where claims cannot tell; an embedded database has no other replica, and watching costs an
    // idle daemon its time.
    monitorIntervalSeconds: watchSeconds,
    superviseIntervalSeconds: watchSeconds,
    flowIntervalSeconds: 3600,
    bamIntervalSeconds: 3600,
    monitorVacuum: false,
    reindex: false,
  })
  let isOver = false
  // Of connections that are closed already the server may still say that it goes down.
  boss.on('error', (error) => (isOver ? undefined : options.onError(error)))
  const claims = openClaims(queueConnection)
  const stopping = new AbortController()
  const running = new Set<Promise<unknown>>()
  const deliveryWorkers: string[] = []
  const worked = new Set<string>()
  const wakeDeliveries = () => {
    for (const worker of deliveryWorkers) boss.notifyWorker(worker)
  }
  const wakes = openWakes(wakeDeliveries)
  let watch: OrphanWatch | undefined
  const stop = async (graceMs: number) => {
    wakes.close()
    watch?.close()
    stopping.abort(new Error('the process stops'))
    await boss.stop({ graceful: graceMs > 0, timeout: Math.max(graceMs, 1000), close: true })
    isOver = true
    await Promise.race([Promise.allSettled(running), sleep(LAST_WORDS_MS, undefined, { ref: false })])
    await claims.close()
  }

  const trialClaim = (zone: string) => (data: unknown) => `trial.${zone}:${trialKey(trialJob.parse(data))}`
  const deliveryClaim = (data: unknown) => `deliver:${deliveryJob.parse(data).deliveryId}`
  const known = new Map<string, Promise<string>>()
  /** Makes a queue, once, and frees what a dead process left in it before anybody works on it. */
  const ensure = (queue: string, claimKey: (data: unknown) => string, limits: QueueLimits): Promise<string> => {
    const ready =
      known.get(queue) ??
      prepare(boss, queue, limits)
        .then(() => freeOrphans(boss, queue, claims, claimKey))
        .then(() => queue)
    known.set(queue, ready)
    ready.catch(() => known.delete(queue))
    return ready
  }
  // The embedded database has no other process.
  if (kind !== 'embedded')
    watch = openOrphanWatch({
      boss,
      db: options.store.db,
      claims,
      claimKey: deliveryClaim,
      queues: () => [...worked].map(deliveryQueue),
      freed: wakeDeliveries,
      onError: (error) => {
        // What the stop itself cuts short is no news.
        if (!stopping.signal.aborted) options.onError(toError(error))
      },
    })
  const trials = (zone: string) =>
    ensure(`trial.${zone}`, trialClaim(zone), { retryLimit: 0, expireInSeconds: Math.ceil(options.trialBudgetMs / 1000) + 60 })
  // A delivery whose process died is tried again by the queue itself.
  const deliveries = (sink: string) =>
    ensure(deliveryQueue(sink), deliveryClaim, { retryLimit: 1_000, retryDelay: 0, expireInSeconds: DELIVERY_EXPIRES_SECONDS })

  /** Runs work under a claim; false when a living process works on the same. */
  const claimed = async (key: string, signals: AbortSignal[], work: (signal: AbortSignal) => Promise<void>): Promise<boolean> => {
    const claim = await claims.take(key)
    if (claim === undefined) return false
    const run = work(AbortSignal.any([...signals, claim.lost])).finally(() => claim.release())
    running.add(run)
    try {
      await run
    } finally {
      running.delete(run)
    }
    return true
  }

  try {
    await boss.start()
  } catch (error) {
    await stop(0)
    throw error
  }
  return {
    prepareTrials: async (zones) => {
      for (const zone of zones) await trials(zone)
    },
    enqueueTrial: async (db, zone, job) => {
      const queue = await trials(zone)
      const singletonKey = trialKey(job)
      const send = async () => (await boss.send(queue, job, { singletonKey, db: fromKysely(db) })) !== null
      if (await send()) return true
      // The embedded database has no other process, and its one connection may be the caller's transaction.
      if (kind === 'embedded' || !(await freeOrphans(boss, queue, claims, trialClaim(zone), singletonKey))) return false
      return send()
    },
    enqueueDelivery: async (db, job, startAfter) => {
      const ready = known.get(deliveryQueue(job.sink))
      if (ready === undefined) return false
      const queue = await ready
      const later = startAfter === undefined ? {} : { startAfter: new Date(startAfter.epochMilliseconds) }
      const id = await boss.send(queue, job, {
        singletonKey: keyOf(job, startAfter),
        group: { id: job.sink },
        db: fromKysely(db),
        ...later,
      })
      // NOTIFY tells of jobs that can start at once only.
      if (startAfter !== undefined) wakes.at(startAfter.epochMilliseconds)
      return id !== null
    },
    enqueueDeliveries: async (db, given, startAfter) => {
      const later = startAfter === undefined ? {} : { startAfter: new Date(startAfter.epochMilliseconds) }
      for (const [sink, bySink] of Map.groupBy(given, (job) => job.sink)) {
        const queue = await known.get(deliveryQueue(sink))
        if (queue === undefined) continue
        await boss.insert(
          queue,
          bySink.map((data) => ({ data, singletonKey: keyOf(data, startAfter), group: { id: sink }, ...later })),
          { db: fromKysely(db), returnId: false },
        )
      }
      if (startAfter !== undefined) wakes.at(startAfter.epochMilliseconds)
    },
    workTrials: async (zone, count, work) => {
      await startWorkers(boss, await trials(zone), { count, onError: options.onError }, async ({ data, signal }) => {
        // Refused: a living process works on it, whatever its job's heartbeat said. The next tick asks again.
        await claimed(trialClaim(zone)(data), [signal, stopping.signal], (either) => work(trialJob.parse(data), either))
      })
    },
    prepareDeliveries: async (sinks) => {
      for (const sink of sinks) await deliveries(sink)
    },
    workDeliveries: async (sink, count, work) => {
      // Another worker makes it: this job may be a double, or the only one left when that worker dies. To throw would be to try it again
      // at once, thousands of times a second.
      const later = async (delivery: DeliveryJob) => {
        const at = new Date(Date.now() + REFUSED_MS)
        const queue = deliveryQueue(sink)
        const singletonKey = keyOf(delivery, Temporal.Instant.fromEpochMilliseconds(at.getTime()))
        await boss.send(queue, delivery, { singletonKey, group: { id: sink }, startAfter: at })
        wakes.at(at.getTime())
      }
      if (worked.has(sink)) return
      worked.add(sink)
      const ids = await startWorkers(
        boss,
        await deliveries(sink),
        { count, onError: options.onError },
        async ({ data, signal }) => {
          const delivery = deliveryJob.parse(data)
          if (!(await claimed(deliveryClaim(data), [signal], (either) => work(delivery, either)))) await later(delivery)
        },
      )
      deliveryWorkers.push(...ids)
    },
    pendingTrials: async (zone) => {
      const jobs = await boss.findJobs(await trials(zone))
      return jobs.filter((job) => job.state === 'created' || job.state === 'active' || job.state === 'retry').length
    },
    stop,
  }
}

function trialKey(job: TrialJob): string {
  return `${job.systemId}:${job.shard}`
}

function deliveryQueue(sink: string): string {
  return `deliver.${sink}`
}

/** A try under way must not refuse the next one, so the key tells tries and their times apart. */
function keyOf(job: DeliveryJob, startAfter: Temporal.Instant | undefined): string {
  return `${job.deliveryId}:${job.attempts}:${startAfter === undefined ? 0 : Math.floor(startAfter.epochMilliseconds / 1000)}`
}

function connect(connection: QueueConnection) {
  if (connection.kind === 'embedded') return { db: fromPglite(connection.pglite), backend: 'pglite' as const }
  return {
    connectionString: connection.url,
    application_name: `${connection.applicationName} queues`,
    max: 4,
    backend: 'postgres' as const,
  }
}

interface QueueLimits {
  retryLimit: number
  retryDelay?: number
  expireInSeconds: number
}

async function prepare(boss: PgBoss, queue: string, limits: QueueLimits): Promise<void> {
  if ((await boss.getQueue(queue)) !== null) return
  await boss.createQueue(queue, {
    policy: 'exclusive',
    notify: true,
    deleteAfterSeconds: KEEP_DONE_SECONDS,
    heartbeatSeconds: HEARTBEAT_SECONDS,
    ...limits,
  })
}

const WORK = {
  localConcurrency: 1,
  batchSize: 1,
  pollingIntervalSeconds: 2,
  notifyPollingIntervalSeconds: 15,
  heartbeatRefreshSeconds: 3,
} as const

/**
 * Starts workers, each of which takes one job after the other until there is none: a NOTIFY wakes each of them once, however many
 * jobs it tells of. Answers their ids; `onError` hears what `handle` throws.
 */
async function startWorkers(
  boss: PgBoss,
  queue: string,
  { count, onError }: { count: number; onError(error: Error): void },
  handle: (job: { data: unknown; signal: AbortSignal }) => Promise<void>,
): Promise<string[]> {
  const ids: string[] = []
  for (let index = 0; index < count; index++) {
    const id: string = await boss.work<unknown>(queue, WORK, async ([job]) => {
      if (job === undefined) return
      try {
        await handle(job)
      } catch (error) {
        // The queue keeps to itself what a job throws.
        onError(toError(error))
        throw error
      } finally {
        boss.notifyWorker(id)
      }
    })
    ids.push(id)
  }
  return ids
}
