import { toError } from '../domain/error.ts'
import { atLeast, type Severity } from '../domain/finding.ts'
import type { Db, Queryable } from '../store/db.ts'
import {
  type DeliveryTry,
  markDelivered,
  markFailed,
  type PendingDelivery,
  pendingDelivery,
  postponeDelivery,
  strandedDeliveries,
} from '../store/delivery.ts'
import type { FormatContext } from './formats/format.ts'
import { type Addressee, type LoadedMessage, loadMessage } from './message.ts'
import type { Pace } from './pace.ts'
import { quietUntil } from './route.ts'
import type { SinkBreaker } from './sink-breaker.ts'
import { SinkError } from './sinks/sink.ts'

export interface OpenedSink extends Addressee {
  breaker: SinkBreaker
  pace: Pace
  /** Since when the receiver has been gone (410): until somebody looks, nothing is sent to it. Lives as long as its entry. */
  goneSince?: Temporal.Instant | undefined
}

export interface DeliveryDeps {
  db: Db
  sink(name: string): OpenedSink | undefined
  context: FormatContext
  enqueue(db: Queryable, delivery: DeliveryTry, startAfter?: Temporal.Instant): Promise<void>
  now(): Temporal.Instant
  /** @param lagMs from the alert's instant to the receiver's word */
  delivered(of: { sink: string; lagMs: number }): void
  failed(of: { sink: string; dead: boolean; code: string }): void
  log(level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>): void
}

/** An alert that has been tried in vain for this long is dead: a person must look, and may redrive it. */
const GIVE_UP_MS = 3 * 86_400_000
const FIRST_BACKOFF_MS = 1_000
const LONGEST_BACKOFF_MS = 900_000
/** How long after the next try of the one before it an alert looks again whether that has gone out. */
const BLOCKED_MS = 2_000
/** Over how long those that wait for one receiver come back. */
const SPREAD_MS = 2_000
/** A delivery that is put off comes back no sooner: its next job must not bear the second of the one that runs (see `keyOf` in jobs.ts). */
const LEAST_WAIT_MS = 1_000
/** A pending delivery this far past its time has lost its job (a crash between two writes of the queue). */
const STRANDED_MS = 60_000

/**
 * Makes one try at one delivery, and at whatever travels with it. At least once: a crash between the receiver's answer and our record
 * of it delivers again, under the same message id. In order: an alert waits while an earlier one of the same finding has not reached
 * the same sink.
 */
export async function deliver(deliveryId: string, signal: AbortSignal, deps: DeliveryDeps): Promise<void> {
  const delivery = await pendingDelivery(deps.db, deliveryId)
  if (delivery === undefined) return
  // It travels in another's message, which has a job of its own.
  if (delivery.leaderId !== null && delivery.leaderId !== deliveryId) return
  const now = deps.now()
  if (delivery.blockedUntil !== null)
    return wait(delivery, later(delivery.blockedUntil, now).add({ milliseconds: BLOCKED_MS }), deps)
  const opened = deps.sink(delivery.sink)
  if (opened === undefined) return drop(delivery, now, deps)
  if (isGone(opened, delivery)) {
    await markFailed(deps.db, deliveryId, now, undefined, 'the receiver said it is gone (410)')
    deps.failed({ sink: delivery.sink, dead: true, code: 'SINK_GONE' })
    return
  }
  const quiet = quietUntil(opened.route.quietHours, highestOf(delivery), now)
  if (quiet !== undefined) return wait(delivery, quiet, deps)
  const closed = opened.breaker.closedUntil(now)
  if (closed !== undefined) return wait(delivery, spread(closed), deps)
  const turn = opened.pace.take(now)
  if ('wait' in turn) {
    opened.breaker.undecided(now)
    return wait(delivery, spread(turn.wait), deps)
  }
  await send(delivery, opened, !turn.calm, signal, deps)
}

/** Sends what a delivery leads; puts it off where it cannot lead now. */
async function send(
  delivery: PendingDelivery,
  opened: OpenedSink,
  stormy: boolean,
  signal: AbortSignal,
  deps: DeliveryDeps,
): Promise<void> {
  try {
    const message = await loadMessage(delivery, opened, stormy, deps)
    if (message === undefined) {
      opened.pace.giveBack()
      return await wait(delivery, deps.now().add({ milliseconds: BLOCKED_MS }), deps)
    }
    const receipt = await opened.sink.deliver({ envelope: message.envelope, rendered: message.rendered }, signal)
    opened.breaker.succeeded()
    await settle(delivery, message, JSON.stringify(receipt.detail), deps)
  } catch (error) {
    if (error instanceof SinkError && error.disables) disable(opened, delivery, deps)
    if (error instanceof SinkError && error.retry) opened.breaker.failed(deps.now(), error.retryAfterMs)
    await fail(delivery, toError(error), deps)
  } finally {
    // After a success or a failure that counts, this says nothing more.
    opened.breaker.undecided(deps.now())
  }
}

async function settle({ id, sink }: PendingDelivery, { alerts, envelope }: LoadedMessage, detail: string, deps: DeliveryDeps) {
  const at = deps.now()
  await markDelivered(deps.db, id, at, detail)
  for (const alert of alerts)
    deps.delivered({ sink, lagMs: at.epochMilliseconds - Temporal.Instant.from(alert.at).epochMilliseconds })
  deps.log('info', alerts.length === 1 ? 'alert delivered' : 'alerts delivered in one message', {
    sink,
    alert: envelope.id,
    event: envelope.event,
    title: envelope.title,
    ...(alerts.length === 1 ? {} : { alerts: alerts.length }),
  })
}

/** The highest severity of what a delivery leads: one critical row lets a whole message pass the quiet hours, in a retry too. */
function highestOf({ alert, leads }: PendingDelivery): Severity {
  return leads.reduce<Severity>((highest, each) => (atLeast(each, highest) ? each : highest), alert.finding.severity)
}

function later(a: Temporal.Instant, b: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.compare(a, b) > 0 ? a : b
}

/** What waits for one instant does not come back as one wave. */
function spread(until: Temporal.Instant): Temporal.Instant {
  return until.add({ milliseconds: Math.round(Math.random() * SPREAD_MS) })
}

/** Puts off what was not tried. */
async function wait({ id, sink, attempts }: PendingDelivery, until: Temporal.Instant, deps: DeliveryDeps): Promise<void> {
  const next = later(until, deps.now().add({ milliseconds: LEAST_WAIT_MS }))
  await deps.db.transaction().execute(async (tx) => {
    await postponeDelivery(tx, id, next)
    await deps.enqueue(tx, { id, sink, attempts }, next)
  })
}

/** Enqueues again what no job carries any more. Run now and then by every replica; the queue refuses doubles. */
export async function recoverDeliveries(deps: Pick<DeliveryDeps, 'db' | 'sink' | 'enqueue' | 'now' | 'failed'>): Promise<number> {
  const now = deps.now()
  const stranded = await strandedDeliveries(deps.db, now.subtract({ milliseconds: STRANDED_MS }), 1_000)
  for (const delivery of stranded) {
    if (deps.sink(delivery.sink) === undefined) await drop(delivery, now, deps)
    else await deps.enqueue(deps.db, delivery)
  }
  return stranded.length
}

/** The configuration no longer names the sink: a person may name it again, and redrive. */
async function drop(
  { id, sink }: Pick<DeliveryTry, 'id' | 'sink'>,
  now: Temporal.Instant,
  deps: Pick<DeliveryDeps, 'db' | 'failed'>,
): Promise<void> {
  await markFailed(deps.db, id, now, undefined, 'the configuration no longer names this sink')
  deps.failed({ sink, dead: true, code: 'SINK_REMOVED' })
}

/** Whether to fail fast. Somebody who redrives after the receiver went wants it asked again: that lifts the stop. */
function isGone(opened: OpenedSink, { redrivenAt }: PendingDelivery): boolean {
  if (opened.goneSince === undefined) return false
  if (redrivenAt === null || Temporal.Instant.compare(redrivenAt, opened.goneSince) <= 0) return true
  opened.goneSince = undefined
  return false
}

/** Several workers may hear it at once; it is told once. */
function disable(opened: OpenedSink, { sink }: PendingDelivery, deps: DeliveryDeps): void {
  const known = opened.goneSince !== undefined
  opened.goneSince = deps.now()
  if (known) return
  deps.log(
    'error',
    'the receiver says it is gone (410): its alerts are dead from now on; mend it, then `revenant alerts redrive --sink`',
    { sink },
  )
}

async function fail(delivery: PendingDelivery, error: Error, deps: DeliveryDeps): Promise<void> {
  const now = deps.now()
  const next = nextTry(delivery, error, now)
  // Foreign errors may quote what was sent; only our own speak.
  const detail = error instanceof SinkError ? error.message : `${error.name} while delivering`
  const attempts = delivery.attempts + 1
  await deps.db.transaction().execute(async (tx) => {
    await markFailed(tx, delivery.id, now, next, detail)
    if (next !== undefined) await deps.enqueue(tx, { id: delivery.id, sink: delivery.sink, attempts }, next)
  })
  deps.failed({ sink: delivery.sink, dead: next === undefined, code: error instanceof SinkError ? error.code : 'INTERNAL' })
  deps.log('warn', next === undefined ? 'alert is dead: see `revenant alerts list --dead`' : 'alert not delivered yet', {
    sink: delivery.sink,
    alert: delivery.alert.id,
    attempts,
    detail,
    ...(next === undefined ? {} : { next: next.toString() }),
  })
}

function nextTry(delivery: PendingDelivery, error: Error, now: Temporal.Instant): Temporal.Instant | undefined {
  if (error instanceof SinkError && !error.retry) return undefined
  const since = delivery.triedAt ?? now
  if (now.epochMilliseconds - since.epochMilliseconds > GIVE_UP_MS) return undefined
  const asked = error instanceof SinkError ? error.retryAfterMs : undefined
  return now.add({ milliseconds: Math.round(asked ?? backoffMs(delivery.attempts, Math.random())) })
}

/** Doubles from a second to a quarter of an hour, with full jitter above half, so that many alerts do not come back as one wave. */
export function backoffMs(attempts: number, random: number): number {
  const ceiling = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(attempts, 20))
  return ceiling / 2 + (ceiling / 2) * random
}
