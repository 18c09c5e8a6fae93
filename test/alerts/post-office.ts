import { type DeliveryDeps, deliver, type OpenedSink, recoverDeliveries } from '../../src/alerts/delivery.ts'
import { groupKeyOf, wants } from '../../src/alerts/route.ts'
import type { Alert } from '../../src/domain/alert.ts'
import { newId } from '../../src/domain/id.ts'
import { insertAlerts } from '../../src/store/alert.ts'
import type { Db } from '../../src/store/db.ts'
import type { DeliveryTry } from '../../src/store/delivery.ts'
import { ALERT, CONTEXT } from './sample.ts'

/**
 * Deliveries on a real store under a clock that the test winds: the queue, in this process, with its refusal of doubles and its workers
 * for each sink. A simulated day takes as long as the work in it.
 */
export interface PostOffice {
  readonly deps: DeliveryDeps
  /** What was delivered and what failed, as the meters hear it. */
  readonly told: string[]
  now(): Temporal.Instant
  /** Raises alerts at this instant, for every sink whose route wants them. */
  raise(alerts: readonly Alert[]): Promise<void>
  /** Winds the clock, and works off what falls due on the way. */
  run(seconds: number): Promise<void>
  /** Looks for stranded deliveries, as the daemon does each minute. */
  recover(): Promise<number>
  enqueue(deliveries: readonly DeliveryTry[]): void
  /** Loses every job, as a queue does that was restored from a backup. */
  lose(): void
}

interface Job extends DeliveryTry {
  atMs: number
  key: string
}

const WORKERS = 4

export function openPostOffice(db: Db, sinks: ReadonlyMap<string, OpenedSink>, start: Temporal.Instant): PostOffice {
  let clockMs = start.epochMilliseconds
  let jobs: Job[] = []
  const held = new Set<string>()
  const told: string[] = []
  const now = () => Temporal.Instant.fromEpochMilliseconds(clockMs)
  const add = ({ id, sink, attempts }: DeliveryTry, startAfter?: Temporal.Instant) => {
    const key = `${id}:${attempts}:${startAfter === undefined ? 0 : Math.floor(startAfter.epochMilliseconds / 1_000)}`
    if (held.has(key)) return
    held.add(key)
    jobs.push({ id, sink, attempts, key, atMs: startAfter?.epochMilliseconds ?? clockMs })
  }
  const deps: DeliveryDeps = {
    db,
    sink: (name) => sinks.get(name),
    context: CONTEXT,
    enqueue: async (_db, delivery, startAfter) => add(delivery, startAfter),
    now,
    delivered: ({ sink }) => told.push(`${sink} delivered`),
    failed: ({ sink, dead, code }) => told.push(`${sink} ${dead ? 'dead' : 'failed'} ${code}`),
    log: () => {},
  }
  const work = async (job: Job) => {
    await deliver(job.id, AbortSignal.timeout(20_000), deps)
    held.delete(job.key)
  }
  /** The next jobs that are due: so many a sink as it has workers. */
  const take = (untilMs: number): Job[] => {
    const next = Math.min(...jobs.map(({ atMs }) => atMs))
    if (next > untilMs) return []
    clockMs = Math.max(clockMs, next)
    const batch = Map.groupBy(
      jobs.filter(({ atMs }) => atMs <= clockMs),
      ({ sink }) => sink,
    )
    const taken = new Set([...batch.values()].flatMap((of) => of.slice(0, WORKERS)))
    jobs = jobs.filter((job) => !taken.has(job))
    return [...taken]
  }
  return {
    deps,
    told,
    now,
    raise: async (alerts) => {
      const raised = alerts.map((alert) => ({
        alert,
        findingId: alert.finding.id,
        deliveries: [...sinks.values()]
          .filter(({ route }) => wants(route, alert))
          .map(({ route }) => ({
            id: newId(),
            sink: route.name,
            groupKey: groupKeyOf(route, alert),
            notBefore: route.group === undefined ? undefined : now().add({ milliseconds: route.group.waitMs }),
          })),
      }))
      await insertAlerts(db, raised)
      for (const { id, sink, notBefore } of raised.flatMap(({ deliveries }) => deliveries))
        add({ id, sink, attempts: 0 }, notBefore)
    },
    run: async (seconds) => {
      const untilMs = clockMs + seconds * 1_000
      for (let batch = take(untilMs); batch.length > 0; batch = take(untilMs)) await Promise.all(batch.map(work))
      clockMs = untilMs
    },
    recover: () => recoverDeliveries(deps),
    enqueue: (deliveries) => {
      for (const each of deliveries) add(each)
    },
    lose: () => {
      jobs = []
      held.clear()
    },
  }
}

/** A finding of its own with what it is about; its alerts share everything but their event. */
export interface Door {
  alert(event: Alert['event'], over?: Partial<Alert>): Alert
}

/**
 * Writes findings, and answers what makes their alerts.
 *
 * @param of what the finding with a number is about
 */
export async function openDoors(
  db: Db,
  now: () => Temporal.Instant,
  count: number,
  of: (n: number) => Partial<Pick<Alert, 'identity' | 'system'>> & { severity?: Alert['finding']['severity'] } = () => ({}),
): Promise<Door[]> {
  const at = now().toString()
  const ids = Array.from({ length: count }, newId)
  await db
    .insertInto('finding')
    .values(
      ids.map((id) => ({
        ...{ id, key: id, kind: 'residual_access' as const, severity: 'low' as const, state: 'open' as const },
        ...{ episode: 1, sequence: 1, opened_at: at, last_seen_at: at },
      })),
    )
    .execute()
  return ids.map((id, n) => {
    const { severity = 'high', ...about } = of(n)
    let sequence = 0
    return {
      alert: (event, over) => ({
        ...ALERT,
        ...about,
        title: `Residual access: door ${n}`,
        finding: { ...ALERT.finding, id, severity, openedAt: at },
        id: newId(),
        dedupKey: `finding:${id}`,
        event,
        sequence: ++sequence,
        at: now().toString(),
        ...over,
      }),
    }
  })
}
