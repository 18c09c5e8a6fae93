import { fromKysely, fromPglite, PgBoss } from 'pg-boss'
import { z } from 'zod'
import type { Queryable, QueueConnection, Store } from '../store/db.ts'

/** One run of one system's due credentials. It carries no credentials: the trial reads what is due when it starts. */
const trialJob = z.strictObject({ systemId: z.uuid(), shard: z.int().nonnegative() })
export type TrialJob = z.infer<typeof trialJob>

/** One alert on its way to one sink. */
const deliveryJob = z.strictObject({ deliveryId: z.uuid(), attempts: z.int().nonnegative() })
export type DeliveryJob = z.infer<typeof deliveryJob>

export interface JobsOptions {
  store: Store
  /** How long a trial may hold its job, in milliseconds; its process is given a minute more. */
  trialBudgetMs: number
  /** What goes wrong inside the queues, out of any caller's reach. */
  onError(error: Error): void
}

export interface Jobs {
  /** In the caller's transaction; false when that system and shard is already queued or running. */
  enqueueTrial(db: Queryable, zone: string, job: TrialJob): Promise<boolean>
  /** In the caller's transaction; false when that try is already queued. `startAfter` is the earliest instant to try. */
  enqueueDelivery(db: Queryable, job: DeliveryJob, startAfter?: Temporal.Instant): Promise<boolean>
  /** Runs up to `concurrency` trials of a zone at a time. The signal aborts when the job is lost or the process stops. */
  workTrials(zone: string, concurrency: number, work: (job: TrialJob, signal: AbortSignal) => Promise<void>): Promise<void>
  workDeliveries(concurrency: number, work: (job: DeliveryJob, signal: AbortSignal) => Promise<void>): Promise<void>
  /** How many jobs of a zone's trials are queued or running. */
  pendingTrials(zone: string): Promise<number>
  /** Takes no more jobs and waits up to `graceMs` for the running ones. */
  stop(graceMs: number): Promise<void>
}

/** A worker that says nothing for this long has died; pg-boss's least. */
const HEARTBEAT_SECONDS = 10
const KEEP_DONE_SECONDS = 300
const DELIVERY_EXPIRES_SECONDS = 120
const DELIVERIES = 'deliver'

/**
 * Opens the queues on the store's database (schema `pgboss`). Workers wake by LISTEN/NOTIFY and poll as a fallback. A job under a
 * key that is already queued or running is refused by the database (policy `exclusive`), so that N replicas never run one
 * system's shard twice; a worker that dies loses its job within some twenty seconds.
 */
export async function openJobs(options: JobsOptions): Promise<Jobs> {
  const boss = new PgBoss({
    ...connect(options.store.queueConnection),
    schema: 'pgboss',
    useListenNotify: true,
    schedule: false,
    monitorIntervalSeconds: 10,
    superviseIntervalSeconds: 10,
    monitorVacuum: false,
    reindex: false,
  })
  boss.on('error', options.onError)
  await boss.start()

  const known = new Set<string>()
  const ensure = async (queue: string, expireInSeconds: number, heartbeat: boolean): Promise<string> => {
    if (known.has(queue)) return queue
    if ((await boss.getQueue(queue)) === null) {
      await boss.createQueue(queue, {
        policy: 'exclusive',
        notify: true,
        retryLimit: 0,
        expireInSeconds,
        deleteAfterSeconds: KEEP_DONE_SECONDS,
        ...(heartbeat ? { heartbeatSeconds: HEARTBEAT_SECONDS } : {}),
      })
    }
    // The one process that may hold an embedded folder is this one: what still looks active belonged to a process that died.
    if (options.store.kind === 'embedded') await failActive(boss, queue)
    known.add(queue)
    return queue
  }
  const trials = (zone: string) => ensure(`trial.${zone}`, Math.ceil(options.trialBudgetMs / 1000) + 60, true)
  const deliveries = () => ensure(DELIVERIES, DELIVERY_EXPIRES_SECONDS, true)
  await deliveries()

  return {
    enqueueTrial: async (db, zone, job) => {
      const queue = await trials(zone)
      const id = await boss.send(queue, job, { singletonKey: `${job.systemId}:${job.shard}`, db: fromKysely(db) })
      return id !== null
    },
    enqueueDelivery: async (db, job, startAfter) => {
      const queue = await deliveries()
      const later = startAfter === undefined ? {} : { startAfter: new Date(startAfter.epochMilliseconds) }
      const id = await boss.send(queue, job, { singletonKey: keyOf(job, startAfter), db: fromKysely(db), ...later })
      return id !== null
    },
    workTrials: async (zone, concurrency, work) => {
      await boss.work(await trials(zone), workOptions(concurrency), async ([job]) => {
        if (job !== undefined) await work(trialJob.parse(job.data), job.signal)
      })
    },
    workDeliveries: async (concurrency, work) => {
      await boss.work(await deliveries(), workOptions(concurrency), async ([job]) => {
        if (job !== undefined) await work(deliveryJob.parse(job.data), job.signal)
      })
    },
    pendingTrials: async (zone) => {
      const jobs = await boss.findJobs(await trials(zone))
      return jobs.filter((job) => job.state === 'created' || job.state === 'active' || job.state === 'retry').length
    },
    stop: async (graceMs) => {
      await boss.stop({ graceful: graceMs > 0, timeout: Math.max(graceMs, 1000), close: true })
    },
  }
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

function workOptions(localConcurrency: number) {
  return {
    localConcurrency,
    batchSize: 1,
    pollingIntervalSeconds: 2,
    notifyPollingIntervalSeconds: 15,
    heartbeatRefreshSeconds: 3,
  }
}

async function failActive(boss: PgBoss, queue: string): Promise<void> {
  const active = (await boss.findJobs(queue)).filter((job) => job.state === 'active')
  if (active.length > 0)
    await boss.fail(
      queue,
      active.map((job) => job.id),
    )
}
