import type { Alert } from '../domain/alert.ts'
import type { Route } from '../domain/route.ts'
import type { Db, Queryable } from '../store/db.ts'
import {
  type DeliveryTry,
  type Gathered,
  gather,
  gathered,
  type PendingDelivery,
  type Reach,
  release,
} from '../store/delivery.ts'
import { transact } from '../store/transact.ts'
import { envelopeOf } from './envelope.ts'
import { type FormatContext, type FormatName, GROUP_FORMATS, render } from './formats/format.ts'
import { groupIdOf } from './group-id.ts'
import { aboutOf, groupKeyOf } from './route.ts'
import { contextFor, type Message, type Sink } from './sinks/sink.ts'
import type { Subject } from './subject.ts'

export interface MessageDeps {
  db: Db
  context: FormatContext
  /** In the caller's transaction. */
  enqueue(db: Queryable, delivery: DeliveryTry, startAfter?: Temporal.Instant): Promise<void>
  now(): Temporal.Instant
}

export interface Addressee {
  sink: Sink
  format: FormatName
  route: Route
  /** How many rows its messages held when the last one was full; left out: none was. */
  holds?: number | undefined
}

/** A message with the alerts that it carries: all of them are in it, none is only counted. */
export interface LoadedMessage extends Message {
  alerts: readonly [Alert, ...Alert[]]
}

/** Alerts that one message may hold: more rows than a person reads. */
const GROUP_LIMIT = 200
/** So many more than the last full message held are tried in the next. */
const MORE_ROWS = 5
/** So long after its message was full the rest tries on its own. */
const RELEASED_MS = 1_000

/**
 * Gathers what a delivery leads and renders it; undefined: it does not lead now, and has to come again. What it led at an earlier try it
 * leads again, so that a retry sends the same. What does not fit is taken out and follows in the next message.
 *
 * @param stormy whether to take along whatever waits for the sink
 */
export async function loadMessage(
  delivery: PendingDelivery,
  addressee: Addressee,
  stormy: boolean,
  deps: MessageDeps,
): Promise<LoadedMessage | undefined> {
  const { format, route } = addressee
  const gathers = GROUP_FORMATS[format] !== undefined
  const reach = reachOf(delivery, route, gathers, stormy)
  if (reach !== undefined && !(await transact(deps.db, (tx) => gather(tx, delivery, reach, limitOf(addressee))))) return undefined
  if (reach === undefined && delivery.leaderId === null)
    return compose(delivery, [{ deliveryId: delivery.id, alert: delivery.alert }], addressee, deps.context)
  const rows = await gathered(deps.db, delivery.id)
  if (gathers || rows.length <= 1) return fitRows(delivery, rows, addressee, deps)
  // The configuration has changed since: this format holds one alert.
  await takeOut(delivery, rows, deps)
  return undefined
}

function limitOf({ holds = GROUP_LIMIT }: Addressee): number {
  return Math.min(GROUP_LIMIT, holds + MORE_ROWS)
}

/** What is to be gathered; undefined: nothing, since it was before, or since nobody gathers for this sink. */
function reachOf(delivery: PendingDelivery, route: Route, gathers: boolean, stormy: boolean): Reach | undefined {
  if (delivery.leaderId !== null) return undefined
  if (gathers && stormy) return 'all'
  if (gathers && route.group !== undefined && delivery.groupKey !== null) return 'group'
  // Where others may gather it, it says that it is on its way.
  return delivery.groupKey !== null || route.storm !== undefined ? 'alone' : undefined
}

/** Takes out what does not fit. */
async function fitRows(
  delivery: PendingDelivery,
  rows: readonly Gathered[],
  addressee: Addressee,
  deps: MessageDeps,
): Promise<LoadedMessage | undefined> {
  // The leader's own finding stays, so that the rest may leave in any number without overtaking.
  const isOwn = ({ alert }: Gathered) => alert.finding.id === delivery.alert.finding.id
  let kept = [...rows.filter(isOwn), ...rows.filter((row) => !isOwn(row))]
  const own = rows.filter(isOwn).length
  for (;;) {
    const shown = new Set(kept)
    const message = compose(
      delivery,
      rows.filter((row) => shown.has(row)),
      addressee,
      deps.context,
    )
    const fits = Math.max(own, kept.length - (message?.rendered.omitted ?? 0))
    if (fits === kept.length) {
      if (kept.length < rows.length || kept.length === limitOf(addressee)) addressee.holds = kept.length
      await takeOut(
        delivery,
        rows.filter((row) => !shown.has(row)),
        deps,
      )
      return message
    }
    kept = kept.slice(0, fits)
  }
}

/** The message of some rows; undefined where there are none: somebody else has settled them. Pure. */
function compose(
  delivery: PendingDelivery,
  rows: readonly Gathered[],
  { sink, format, route }: Addressee,
  context: FormatContext,
): LoadedMessage | undefined {
  const [first, ...rest] = rows.map(({ alert }) => alert)
  if (first === undefined) return undefined
  const alerts = [first, ...rest] as const
  const id = groupIdOf(rows.map(({ deliveryId }) => deliveryId))
  const subject = subjectOf(id, delivery.sink, alerts, route)
  return { alerts, envelope: envelopeOf(subject), rendered: render(format, subject, contextFor(sink, context)) }
}

function subjectOf(id: string, sink: string, alerts: readonly [Alert, ...Alert[]], route: Route): Subject {
  const [first] = alerts
  if (alerts.length === 1) return { type: 'alert', alert: first }
  const keys = new Set(alerts.map((alert) => groupKeyOf(route, alert)))
  const [key] = keys
  const shared = keys.size === 1 && key !== undefined
  return {
    type: 'group',
    group: {
      id,
      key: shared ? key : `sink:${sink}`,
      about: aboutOf(shared ? route.group?.by : undefined, alerts),
      at: (alerts.at(-1) ?? first).at,
      alerts,
    },
  }
}

async function takeOut({ id }: PendingDelivery, rows: readonly Gathered[], deps: MessageDeps): Promise<void> {
  if (rows.length === 0) return
  const next = deps.now().add({ milliseconds: RELEASED_MS })
  const ids = rows.map(({ deliveryId }) => deliveryId)
  await deps.db.transaction().execute(async (tx) => {
    // The leader itself has a job already, whose worker asks.
    for (const delivery of await release(tx, id, ids, next)) if (delivery.id !== id) await deps.enqueue(tx, delivery, next)
  })
}
