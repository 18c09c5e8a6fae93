import type { Severity } from '../domain/finding.ts'
import { newId } from '../domain/id.ts'
import { type Coverage, coverage } from '../store/coverage.ts'
import type { Db } from '../store/db.ts'
import { type Backlog, backlog, takeBeat } from '../store/delivery.ts'
import { countDue } from '../store/due.ts'
import { countActiveFindings } from '../store/finding.ts'
import type { OpenedSink } from './delivery.ts'
import { envelopeOf } from './envelope.ts'
import { type FormatContext, render } from './formats/format.ts'
import { contextFor, SinkError } from './sinks/sink.ts'
import type { Heartbeat } from './subject.ts'

export interface HeartbeatDeps {
  db: Db
  context: FormatContext
  now(): Temporal.Instant
  log(level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>): void
}

/** How long one sign of life may take. */
const PATIENCE_MS = 30_000

/**
 * Sends a sign of life to each sink that is due one, to all at once: one that hangs keeps none of the others waiting. One replica sends it;
 * one that does not arrive is not tried again, since the next follows and its absence is the message. Answers how many arrived.
 */
export async function sendHeartbeats(sinks: readonly OpenedSink[], deps: HeartbeatDeps): Promise<number> {
  const now = deps.now()
  const due: { opened: OpenedSink; everyMs: number }[] = []
  for (const opened of sinks) {
    const { heartbeatMs: everyMs, name } = opened.route
    if (everyMs === undefined || opened.goneSince !== undefined) continue
    if (await takeBeat(deps.db, name, now, everyMs)) due.push({ opened, everyMs })
  }
  if (due.length === 0) return 0
  const facts = await gatherFacts(deps.db, now)
  const taken = await Promise.all(
    due.map(({ opened, everyMs }) => {
      const nextBy = now.add({ milliseconds: everyMs + GRACE_MS }).toString()
      return sendOne(opened, { id: newId(), at: now.toString(), nextBy, ...facts }, deps)
    }),
  )
  return taken.filter((each) => each).length
}

/** The clock that looks for due ones ticks each minute. */
const GRACE_MS = 120_000

async function sendOne(opened: OpenedSink, heartbeat: Heartbeat, deps: HeartbeatDeps): Promise<boolean> {
  const subject = { type: 'heartbeat', heartbeat } as const
  try {
    const rendered = render(opened.format, subject, contextFor(opened.sink, deps.context))
    await opened.sink.deliver({ envelope: envelopeOf(subject), rendered }, AbortSignal.timeout(PATIENCE_MS))
    return true
  } catch (error) {
    const detail = error instanceof SinkError ? error.message : 'an error of our own'
    deps.log('warn', 'a sign of life was not taken', { sink: opened.route.name, detail })
    return false
  }
}

/** What has been due for so long counts as overdue. */
const LATE_MS = 600_000

type Facts = Omit<Heartbeat, 'id' | 'at' | 'nextBy'>

async function gatherFacts(db: Db, now: Temporal.Instant): Promise<Facts> {
  return factsOf(
    await countActiveFindings(db),
    await coverage(db),
    await countDue(db, now.subtract({ milliseconds: LATE_MS })),
    await backlog(db),
  )
}

function factsOf(
  active: readonly { severity: Severity; count: number }[],
  { open, closed, unverified }: Coverage,
  overdue: number,
  waiting: readonly Backlog[],
): Facts {
  const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
  const of = (severity: Severity) => sum(active.filter((each) => each.severity === severity).map(({ count }) => count))
  const [critical, high, medium, low, info] = [of('critical'), of('high'), of('medium'), of('low'), of('info')]
  return {
    open: { critical, high, medium, low, info },
    coverage: { verified: open + closed, unverified, overdue },
    deliveries: { pending: sum(waiting.map(({ pending }) => pending)), dead: sum(waiting.map(({ dead }) => dead)) },
  }
}
