import { RevenantError } from '../domain/error.ts'
import { audit } from '../store/audit.ts'
import type { Db } from '../store/db.ts'
import { advise } from './advise.ts'
import type { OpenedSink } from './delivery.ts'
import { envelopeOf } from './envelope.ts'
import { type FormatContext, render } from './formats/format.ts'
import { sampleAlert } from './sample.ts'
import { contextFor, type Receipt, SinkError } from './sinks/sink.ts'

export interface TrySinkDeps {
  db: Db
  sinks: {
    byName(name: string): OpenedSink | undefined
    /** Why a receiver could not be opened. */
    faultOf(name: string): RevenantError | undefined
    routes(): readonly { name: string }[]
  }
  context: FormatContext
  /** Who does it, for the audit. */
  actor: string
  now(): Temporal.Instant
}

interface Sent {
  sink: string
  kind: string
  /** The id of the alert. */
  alert: string
  dedupKey: string
  title: string
  latencyMs: number
}

export type SinkTried = Sent &
  ({ taken: true; detail: Receipt['detail'] } | { taken: false; detail: Receipt['detail']; error: string; mend: string })

/**
 * Sends a marked sample to a receiver and says what came back, past breaker, pace and queue. Throws `NOT_FOUND`, and what kept the
 * receiver from being opened (`SECRET_UNAVAILABLE` …).
 */
export async function trySink(name: string, deps: TrySinkDeps, signal: AbortSignal): Promise<SinkTried> {
  const tried = await sendSample(name, deps, signal)
  const { alert, taken } = tried
  await audit(deps.db, { actor: deps.actor, action: 'alerts.test', subject: name, detail: { alert, taken }, at: deps.now() })
  return tried
}

async function sendSample(name: string, { sinks, context, now }: TrySinkDeps, signal: AbortSignal): Promise<SinkTried> {
  const fault = sinks.faultOf(name)
  if (fault !== undefined) throw fault
  const opened = sinks.byName(name)
  if (opened === undefined) {
    const names =
      sinks
        .routes()
        .map((route) => route.name)
        .join(', ') || 'none'
    throw new RevenantError('NOT_FOUND', `the configuration has no sink ${JSON.stringify(name)} under alerts (there: ${names})`)
  }
  const { sink, format } = opened
  const alert = sampleAlert(now())
  const subject = { type: 'alert', alert } as const
  const rendered = render(format, subject, contextFor(sink, context))
  const started = performance.now()
  const sent = () => ({
    sink: name,
    kind: sink.kind,
    alert: alert.id,
    dedupKey: alert.dedupKey,
    title: alert.title,
    latencyMs: Math.round(performance.now() - started),
  })
  try {
    const { detail } = await sink.deliver({ envelope: envelopeOf(subject), rendered }, signal)
    return { ...sent(), taken: true, detail }
  } catch (error) {
    if (!(error instanceof SinkError)) throw error
    return { ...sent(), taken: false, detail: { ...error.detail }, error: error.message, mend: advise(error) }
  }
}
