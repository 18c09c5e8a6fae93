import { type RawBuilder, sql } from 'kysely'
import type { Alert } from '../domain/alert.ts'
import type { Severity } from '../domain/finding.ts'
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
  /** The first of the tries that failed; null where none did, or where an operator has sent it again since. */
  triedAt: Temporal.Instant | null
  alert: Alert
  /** What it is gathered by; null: it travels alone. */
  groupKey: string | null
  /** In whose message it travels; its own id where it leads, null where it was not gathered yet. */
  leaderId: string | null
  /** Severities of the alerts that it leads, each once; empty where it leads none yet. */
  leads: Severity[]
  /** When an operator sent it again; null where none did, or since its last try. */
  redrivenAt: Temporal.Instant | null
  /** When an earlier alert of the same finding, which has not reached this sink yet, is tried again; null where there is none. */
  blockedUntil: Temporal.Instant | null
}

/**
 * A delivery that is still to be made; undefined when it is done, dead or unknown. An earlier alert that can travel in the same message
 * does not block it. What travels in another's message is tried when that is.
 */
export async function pendingDelivery(db: Queryable, id: string): Promise<PendingDelivery | undefined> {
  const { rows } = await sql<PendingDelivery>`
    select d.id, d.sink, d.attempts, d.tried_at as "triedAt", a.body as alert, d.group_key as "groupKey", d.leader_id as "leaderId",
      case when d.attempts > 0 and d.detail is null then d.next_at end as "redrivenAt",
      array(
        select distinct a3.severity from delivery d3 join alert a3 on a3.id = d3.alert_id where d3.leader_id = d.id and d3.state = 'pending'
      ) as leads,
      (
        select coalesce(max(coalesce(l.next_at, d2.next_at)), max(d2.created_at))
        from (${before(sql`a.finding_id`, sql`a.sequence`)}) earlier
          cross join lateral (${waiting(sql`earlier.id`, sql`d.sink`)}) d2 left join delivery l on l.id = d2.leader_id
        where d2.leader_id is distinct from d.id and (d2.leader_id is not null or d2.group_key is distinct from d.group_key or d.group_key is null)
      ) as "blockedUntil"
    from delivery d join alert a on a.id = d.alert_id
    where d.id = ${id}::uuid and d.state = 'pending'
  `.execute(db)
  return rows[0]
}

/**
 * The alerts of a finding before one of them. `offset 0` here and in `waiting` keeps the planner from turning the two around: each is one
 * probe of a unique index, but where the tables have grown since they were last analysed (the embedded database analyses once a day) it
 * takes everything that is pending for one row, and looks at all of it for each.
 */
function before(findingId: RawBuilder<unknown>, sequence: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select b.id from alert b where b.finding_id = ${findingId} and b.sequence < ${sequence} offset 0`
}

/** The delivery of an alert to a sink, where it is pending. */
function waiting(alertId: RawBuilder<unknown>, sink: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select w.* from delivery w where w.alert_id = ${alertId} and w.sink = ${sink} and w.state = 'pending' offset 0`
}

/** What one message takes along: its leader alone, what has the leader's group key, or whatever waits for the sink. */
export type Reach = 'alone' | 'group' | 'all'

/**
 * Gathers what is pending for a sink behind one delivery, which leads, in the caller's transaction; false: it cannot lead now, since
 * another message took it along or something of its finding must go before it, and nothing was gathered. What another message carries
 * stays out, and so does what must wait for such a message to keep its finding's order. What is gathered has no time of its own any more:
 * it goes with its leader. Workers that gather for one sink do so one after the other.
 *
 * @param limit how many one message may hold
 */
export async function gather(tx: Queryable, leader: PendingDelivery, reach: Reach, limit: number): Promise<boolean> {
  const { id, sink, groupKey } = leader
  const within = { alone: sql`false`, group: sql`d.group_key = ${groupKey}`, all: sql`true` }[reach]
  // Two that gather at once would each leave out what the other holds, and one of them itself: it would be sent twice. In a statement of
  // its own, so that the next one sees what the one before did.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`revenant gather ${sink}`}, 0))`.execute(tx)
  const { rows } = await sql`
    with candidate as (
      select d.id, a.finding_id, a.sequence from delivery d join alert a on a.id = d.alert_id
      where d.sink = ${sink} and d.state = 'pending' and d.leader_id is null and (d.id = ${id}::uuid or ${within})
      -- Its own finding first: nothing of it may be left behind and come later.
      order by (a.finding_id = ${leader.alert.finding.id}::uuid) desc, d.created_at, a.sequence, d.id
      limit ${limit} for update of d
    ), whole as (
      select c.id from candidate c where not exists (
        select 1 from (${before(sql`c.finding_id`, sql`c.sequence`)}) earlier
          cross join lateral (${waiting(sql`earlier.id`, sql`${sink}`)}) d2
        where d2.id not in (select e.id from candidate e)
      )
    )
    update delivery set leader_id = ${id}::uuid, next_at = case when id = ${id}::uuid then next_at end
    where id in (select id from whole) and exists (select 1 from whole where id = ${id}::uuid)
    returning id
  `.execute(tx)
  return rows.length > 0
}

export interface Gathered {
  deliveryId: string
  alert: Alert
}

/** What a message carries, in the order in which it happened. */
export async function gathered(db: Queryable, leaderId: string): Promise<Gathered[]> {
  const { rows } = await sql<Gathered>`
    select d.id as "deliveryId", a.body as alert from delivery d join alert a on a.id = d.alert_id
    where d.leader_id = ${leaderId}::uuid and d.state = 'pending' order by a.at, a.finding_id, a.sequence, a.id
  `.execute(db)
  return rows
}

/** Takes some out of a message: they wait for their own turn again. Answers them, for their jobs to be enqueued in the same transaction. */
export async function release(
  tx: Queryable,
  leaderId: string,
  ids: readonly string[],
  next: Temporal.Instant,
): Promise<DeliveryTry[]> {
  return tx
    .updateTable('delivery')
    .set({ leader_id: null, next_at: next.toString() })
    .where('leader_id', '=', leaderId)
    .where('id', 'in', ids)
    .where('state', '=', 'pending')
    .returning(['id', 'sink', 'attempts'])
    .execute()
}

/** For which of some findings something was ever on its way to a sink, as `SINK FINDING`. */
export async function toldOf(db: Queryable, sinks: readonly string[], findingIds: readonly string[]): Promise<Set<string>> {
  if (sinks.length === 0 || findingIds.length === 0) return new Set()
  const rows = await db
    .selectFrom('delivery as d')
    .innerJoin('alert as a', 'a.id', 'd.alert_id')
    .select(['d.sink', 'a.finding_id'])
    .distinct()
    .where('d.sink', 'in', sinks)
    .where('a.finding_id', 'in', findingIds)
    .execute()
  return new Set(rows.map(({ sink, finding_id }) => `${sink} ${finding_id}`))
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
        tried_at = coalesce(tried_at, ${at.toString()}::timestamptz), leader_id = null, detail = ${detail} where ${withFollowers(id)}
    `.execute(db)
    return
  }
  await sql`
    update delivery set attempts = attempts + 1, detail = ${detail}, tried_at = coalesce(tried_at, ${at.toString()}::timestamptz),
      next_at = case when id = ${id}::uuid then ${next.toString()}::timestamptz end
    where ${withFollowers(id)}
  `.execute(db)
}

/** Puts a delivery off that was not tried: it waits for another, for the end of quiet hours, or for its receiver. */
export async function postponeDelivery(db: Queryable, id: string, next: Temporal.Instant): Promise<void> {
  // Where it has just been gathered it has no time of its own any more.
  await db
    .updateTable('delivery')
    .set({ next_at: next.toString() })
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .where((eb) => eb.or([eb('leader_id', 'is', null), eb('leader_id', '=', id)]))
    .execute()
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

/** Which dead deliveries are sent again, in the order of their ids: to the millisecond, that of their alerts. */
export interface RedrivePage {
  /** A delivery's id, or the end of it. */
  id?: string
  sink?: string
  /** Those before it, and itself, have had their turn. */
  after?: string
  limit: number
}

/**
 * Makes dead deliveries pending again, to be tried as long as new ones, without a detail, which marks them as redriven; answers them in
 * the order of their ids, for their jobs to be enqueued in the same transaction.
 */
export async function redriveDeliveries(db: Queryable, page: RedrivePage, now: Temporal.Instant): Promise<DeliveryTry[]> {
  let dead = db.selectFrom('delivery').select('id').where('state', '=', 'dead')
  // Lists show the end of an id, which is its random part.
  if (page.id !== undefined) dead = dead.where(sql<boolean>`right(id::text, ${page.id.length}) = ${page.id.toLowerCase()}`)
  if (page.sink !== undefined) dead = dead.where('sink', '=', page.sink)
  if (page.after !== undefined) dead = dead.where('id', '>', page.after)
  const rows = await db
    .updateTable('delivery')
    .set({ state: 'pending', next_at: now.toString(), finished_at: null, tried_at: null, detail: null })
    .where('id', 'in', dead.orderBy('id').limit(page.limit).forUpdate())
    .returning(['id', 'sink', 'attempts'])
    .execute()
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1))
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

/** How many pending deliveries of these sinks are tried before an instant, be it as part of another's message. */
export async function countPendingBefore(db: Queryable, sinks: readonly string[], before: Temporal.Instant): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from delivery d left join delivery l on l.id = d.leader_id
    where d.state = 'pending' and d.sink in (select json_array_elements_text(${JSON.stringify(sinks)}::json))
      and coalesce(l.next_at, d.next_at) < ${before.toString()}::timestamptz
  `.execute(db)
  return rows[0]?.count ?? 0
}

/** The clocks that ask tick each minute, never to the millisecond: what is due before the next tick is due at this one. */
const BEAT_SLACK_MS = 30_000

/**
 * Takes the turn to send a sink's sign of life, where the last one is as old as its period (at least a minute); false: it is not due, or
 * another replica was faster.
 */
export async function takeBeat(db: Queryable, sink: string, now: Temporal.Instant, everyMs: number): Promise<boolean> {
  const due = now.subtract({ milliseconds: everyMs - BEAT_SLACK_MS }).toString()
  const { rows } = await sql`
    insert into sink_beat (sink, at) values (${sink}, ${now.toString()}::timestamptz)
    on conflict (sink) do update set at = excluded.at where sink_beat.at <= ${due}::timestamptz
    returning sink
  `.execute(db)
  return rows.length > 0
}
