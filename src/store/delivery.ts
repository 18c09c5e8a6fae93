import { sql } from 'kysely'
import type { Alert } from '../domain/alert.ts'
import type { Queryable } from './db.ts'
import type { DeliveryTable } from './tables.ts'

/** What the job of a delivery's next try needs. */
export interface DeliveryTry {
  id: string
  sink: string
  /** Tries made before. */
  attempts: number
}

export interface PendingDelivery {
  id: string
  sink: string
  attempts: number
  createdAt: Temporal.Instant
  alert: Alert
  /** What it is gathered by; null: it travels alone. */
  groupKey: string | null
  /** In whose message it travels; its own id where it leads, null where it was not gathered yet. */
  leaderId: string | null
  /** When an operator sent it again; null where none did, or since its last try. */
  redrivenAt: Temporal.Instant | null
  /** When an earlier alert of the same finding, which has not reached this sink yet, is tried again; null where there is none. */
  blockedUntil: Temporal.Instant | null
}

/**
 * A delivery that is still to be made; undefined when it is done, dead or unknown. An earlier alert that can travel in the same message
 * does not block it.
 */
export async function pendingDelivery(db: Queryable, id: string): Promise<PendingDelivery | undefined> {
  const { rows } = await sql<PendingDelivery>`
    select d.id, d.sink, d.attempts, d.created_at as "createdAt", a.body as alert, d.group_key as "groupKey", d.leader_id as "leaderId",
      case when d.attempts > 0 and d.detail is null then d.next_at end as "redrivenAt",
      (
        select coalesce(max(d2.next_at), max(d2.created_at)) from alert a2 join delivery d2 on d2.alert_id = a2.id
        where a2.finding_id = a.finding_id and a2.sequence < a.sequence and d2.sink = d.sink and d2.state = 'pending'
          and d2.leader_id is distinct from d.id and (d2.leader_id is not null or d2.group_key is distinct from d.group_key or d.group_key is null)
      ) as "blockedUntil"
    from delivery d join alert a on a.id = d.alert_id
    where d.id = ${id}::uuid and d.state = 'pending'
  `.execute(db)
  return rows[0]
}

/**
 * Gathers what is pending for a sink behind one delivery, which leads: of its group, or (`all`) of every group. What another message
 * carries already, or another worker gathers now, stays out, and so does what must wait for such a message to keep its finding's order.
 * What is gathered has no time of its own any more: it goes with its leader.
 *
 * @param limit how many one message may hold
 */
export async function gather(db: Queryable, leader: PendingDelivery, all: boolean, limit: number): Promise<void> {
  const ofGroup = all ? sql`true` : sql`d.group_key = ${leader.groupKey}`
  await sql`
    update delivery set leader_id = ${leader.id}::uuid, next_at = case when id = ${leader.id}::uuid then next_at end
    where id in (
      select d.id from delivery d join alert a on a.id = d.alert_id
      where d.sink = ${leader.sink} and d.state = 'pending' and d.leader_id is null and (d.id = ${leader.id}::uuid or ${ofGroup})
        and not exists (
          select 1 from alert a2 join delivery d2 on d2.alert_id = a2.id
          where a2.finding_id = a.finding_id and a2.sequence < a.sequence and d2.sink = d.sink and d2.state = 'pending'
            and d2.leader_id is not null
        )
      -- Its own finding first: nothing of it may be left behind and come later.
      order by (a.finding_id = ${leader.alert.finding.id}::uuid) desc, d.created_at, a.sequence, d.id
      limit ${limit} for update of d skip locked
    )
  `.execute(db)
}

/** The alerts of a message, in the order in which they happened. */
export async function gatheredAlerts(db: Queryable, leaderId: string): Promise<Alert[]> {
  const { rows } = await sql<{ body: Alert }>`
    select a.body from delivery d join alert a on a.id = d.alert_id
    where d.leader_id = ${leaderId}::uuid and d.state = 'pending' order by a.at, a.finding_id, a.sequence, a.id
  `.execute(db)
  return rows.map(({ body }) => body)
}

/** The delivery, and everything that travels in its message. */
const withFollowers = (id: string) => sql<boolean>`(id = ${id}::uuid or leader_id = ${id}::uuid) and state = 'pending'`

export async function markDelivered(db: Queryable, id: string, at: Temporal.Instant, detail: string): Promise<void> {
  await sql`
    update delivery set state = 'delivered', attempts = attempts + 1, finished_at = ${at.toString()}::timestamptz, next_at = null,
      detail = ${detail} where ${withFollowers(id)}
  `.execute(db)
}

/** @param next left out: it is dead, and what travels with it */
export async function markFailed(
  db: Queryable,
  id: string,
  at: Temporal.Instant,
  next: Temporal.Instant | undefined,
  detail: string,
): Promise<void> {
  if (next === undefined) {
    await sql`
      update delivery set state = 'dead', attempts = attempts + 1, finished_at = ${at.toString()}::timestamptz, next_at = null,
        leader_id = null, detail = ${detail} where ${withFollowers(id)}
    `.execute(db)
    return
  }
  await sql`
    update delivery set attempts = attempts + 1, detail = ${detail},
      next_at = case when id = ${id}::uuid then ${next.toString()}::timestamptz end
    where ${withFollowers(id)}
  `.execute(db)
}

/** Puts a delivery off that was not tried: it waits for another, for the end of quiet hours, or for its receiver. */
export async function postponeDelivery(db: Queryable, id: string, next: Temporal.Instant): Promise<void> {
  await db.updateTable('delivery').set({ next_at: next.toString() }).where('id', '=', id).where('state', '=', 'pending').execute()
}

/** Deliveries whose time has long come and that no job seems to carry. */
export async function strandedDeliveries(db: Queryable, before: Temporal.Instant, limit: number): Promise<DeliveryTry[]> {
  return db
    .selectFrom('delivery')
    .select(['id', 'sink', 'attempts'])
    .where('state', '=', 'pending')
    .where('next_at', '<', sql<Temporal.Instant>`${before.toString()}::timestamptz`)
    .orderBy('next_at')
    .limit(limit)
    .execute()
}

export async function listDeliveries(db: Queryable, filter: { state?: DeliveryTable['state']; sink?: string; limit: number }) {
  let query = db
    .selectFrom('delivery as d')
    .innerJoin('alert as a', 'a.id', 'd.alert_id')
    .select([
      'd.id',
      'd.sink',
      'd.state',
      'd.attempts',
      'd.created_at',
      'd.next_at',
      'd.finished_at',
      'd.detail',
      'd.leader_id',
      'a.event',
      'a.severity',
      'a.finding_id',
      'a.body',
    ])
  if (filter.state !== undefined) query = query.where('d.state', '=', filter.state)
  if (filter.sink !== undefined) query = query.where('d.sink', '=', filter.sink)
  return query.orderBy('d.created_at', 'desc').limit(filter.limit).execute()
}

/** Makes dead deliveries pending again, without a detail, which marks them as redriven; answers them, for their jobs to be enqueued in the same transaction. */
export async function redriveDeliveries(
  db: Queryable,
  filter: { id?: string; sink?: string },
  now: Temporal.Instant,
): Promise<DeliveryTry[]> {
  let query = db
    .updateTable('delivery')
    .set({ state: 'pending', next_at: now.toString(), finished_at: null, detail: null })
    .where('state', '=', 'dead')
  // Lists show the end of an id, which is its random part.
  if (filter.id !== undefined)
    query = query.where(sql<boolean>`right(id::text, ${filter.id.length}) = ${filter.id.toLowerCase()}`)
  if (filter.sink !== undefined) query = query.where('sink', '=', filter.sink)
  return query.returning(['id', 'sink', 'attempts']).execute()
}

export interface Backlog {
  sink: string
  pending: number
  dead: number
  /** When the oldest pending alert happened; null where none waits. */
  oldest: Temporal.Instant | null
}

/** What waits and what is dead, by sink. */
export async function backlog(db: Queryable): Promise<Backlog[]> {
  const { rows } = await sql<Backlog>`
    select sink, (count(*) filter (where state = 'pending'))::int as pending, (count(*) filter (where state = 'dead'))::int as dead,
      min(created_at) filter (where state = 'pending') as oldest
    from delivery where state in ('pending', 'dead') group by sink order by sink
  `.execute(db)
  return rows
}

/**
 * Takes the turn to send a sink's sign of life, where the last one is as old as its period; false: it is not due, or another replica
 * was faster.
 */
export async function takeBeat(db: Queryable, sink: string, now: Temporal.Instant, everyMs: number): Promise<boolean> {
  const due = now.subtract({ milliseconds: everyMs }).toString()
  const { rows } = await sql`
    insert into sink_beat (sink, at) values (${sink}, ${now.toString()}::timestamptz)
    on conflict (sink) do update set at = excluded.at where sink_beat.at <= ${due}::timestamptz
    returning sink
  `.execute(db)
  return rows.length > 0
}
