import { type RawBuilder, sql } from 'kysely'
import type { FindingEvent, Severity } from '../domain/finding.ts'
import type { Queryable } from './db.ts'
import { allOf, type Keyset, keyset, oneOf, type PageAsk, type SortKeys } from './keyset.ts'
import type { DeliveryTable } from './tables.ts'
import { told } from './told.ts'

export const DELIVERY_SORTS = {
  createdAt: [
    { column: sql`d.created_at`, type: 'timestamptz' },
    { column: sql`d.id`, type: 'uuid' },
  ],
} as const satisfies Record<string, SortKeys>

export interface DeliveryFilter {
  state?: readonly DeliveryTable['state'][] | undefined
  sink?: string | undefined
  alertId?: string | undefined
  findingId?: string | undefined
}

export interface ToldDelivery {
  id: string
  sink: string
  state: DeliveryTable['state']
  attempts: number
  detail: string | null
  createdAt: string
  triedAt: string | null
  nextAt: string | null
  finishedAt: string | null
  leaderId: string | null
  alert: { id: string; findingId: string; event: FindingEvent; severity: Severity; title: string; at: string }
}

export async function deliveryPage(
  db: Queryable,
  { state, sink, alertId, findingId }: DeliveryFilter,
  ask: PageAsk<keyof typeof DELIVERY_SORTS>,
): Promise<(ToldDelivery & { keys: string[] })[]> {
  const { past, order, keys } = keyset(DELIVERY_SORTS, ask)
  const wanted = allOf([
    oneOf(sql`d.state`, state),
    sink === undefined ? undefined : sql`d.sink = ${sink}`,
    alertId === undefined ? undefined : sql`d.alert_id = ${alertId}::uuid`,
    findingId === undefined ? undefined : sql`d.alert_id in (select a.id from alert a where a.finding_id = ${findingId}::uuid)`,
    past,
  ])
  return tell(db, sql`select d.* from delivery d where ${wanted} order by ${order} limit ${ask.limit}`, { order, keys })
}

/** One delivery; undefined where there is none of this id. */
export async function toldDelivery(db: Queryable, id: string): Promise<ToldDelivery | undefined> {
  const [row] = await tell(db, sql`select d.* from delivery d where d.id = ${id}::uuid`, { order: sql`d.id`, keys: sql`null` })
  if (row === undefined) return undefined
  const { keys: _, ...delivery } = row
  return delivery
}

async function tell(
  db: Queryable,
  page: RawBuilder<unknown>,
  { order, keys }: Pick<Keyset, 'order' | 'keys'>,
): Promise<(ToldDelivery & { keys: string[] })[]> {
  const { rows } = await sql<ToldDelivery & { keys: string[] }>`
    select d.id, d.sink, d.state, d.attempts, d.detail, ${told(sql`d.created_at`)} as "createdAt", ${told(sql`d.tried_at`)} as "triedAt",
      ${told(sql`d.next_at`)} as "nextAt", ${told(sql`d.finished_at`)} as "finishedAt", d.leader_id as "leaderId",
      json_build_object('id', a.id, 'findingId', a.finding_id, 'event', a.event, 'severity', a.severity, 'title', a.body ->> 'title',
        'at', ${told(sql`a.at`)}) as alert, ${keys} as keys
    from (${page}) d join alert a on a.id = d.alert_id order by ${order}
  `.execute(db)
  return rows
}

/** By name, in the order of its bytes. */
export const SINK_SORTS = { name: [{ column: sql`q.sink`, type: 'text' }] } as const satisfies Record<string, SortKeys>

export interface SinkHealth {
  sink: string
  pending: number
  failing: number
  dead: number
  oldestPendingAt: string | null
  lastDeliveredAt: string | null
  lastLagMs: number | null
  lastFailure: { at: string | null; detail: string | null } | null
  lastBeatAt: string | null
}

/** How receivers stand: those that are named, and those of which something waits or was given up. */
export async function sinkHealth(db: Queryable, named: readonly string[]): Promise<SinkHealth[]> {
  const { rows } = await sql<SinkHealth>`
    with over as materialized (
      select sink, state, tried_at, detail, created_at from delivery where state = 'pending'
      union all select sink, state, tried_at, detail, created_at from delivery where state = 'dead'
    ), waiting as materialized (
      select sink, (count(*) filter (where state = 'pending'))::int as pending,
        (count(*) filter (where state = 'pending' and tried_at is not null))::int as failing,
        (count(*) filter (where state = 'dead'))::int as dead, min(created_at) filter (where state = 'pending') as oldest
      from over group by sink
    ), asked as (
      select json_array_elements_text(${JSON.stringify(named)}::json) as sink union select sink from waiting
    )
    select q.sink, coalesce(w.pending, 0) as pending, coalesce(w.failing, 0) as failing, coalesce(w.dead, 0) as dead,
      ${told(sql`w.oldest`)} as "oldestPendingAt", ${told(sql`l.finished_at`)} as "lastDeliveredAt",
      (extract(epoch from l.finished_at - l.created_at) * 1000)::float8 as "lastLagMs", v.failure as "lastFailure", ${told(sql`b.at`)} as "lastBeatAt"
    from asked q left join waiting w on w.sink = q.sink left join sink_beat b on b.sink = q.sink
    left join lateral (
      select d.finished_at, d.created_at from delivery d where d.sink = q.sink and d.state = 'delivered' order by d.finished_at desc limit 1
    ) l on true
    left join lateral (
      select json_build_object('at', ${told(sql`d.tried_at`)}, 'detail', d.detail) as failure from over d
      where d.sink = q.sink and d.tried_at is not null order by d.created_at desc limit 1
    ) v on true
    order by q.sink
  `.execute(db)
  return rows
}
