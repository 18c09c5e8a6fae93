import { type Selectable, sql } from 'kysely'
import type { HoldReason, StatementSays, StatementState } from '../domain/feed.ts'
import type { Facts } from '../domain/leaf.ts'
import type { Queryable } from './db.ts'
import type { FeedStatementTable } from './tables.ts'

export type FeedStatementRow = Selectable<FeedStatementTable>

/** A statement as it is written. Instants are RFC 3339 strings. */
export interface FeedStatementWrite {
  id: string
  feed_id: string
  key: string
  identity_id: string | null
  says: StatementSays
  effective_at: string | null
  said: Facts
  state: StatementState
  reason: HoldReason | null
  delivery_id: string
  at: string
}

export async function insertStatements(tx: Queryable, rows: readonly FeedStatementWrite[]): Promise<void> {
  if (rows.length === 0) return
  await sql`
    insert into feed_statement (id, feed_id, key, identity_id, says, effective_at, said, state, reason, delivery_id, at)
    select * from json_to_recordset(${JSON.stringify(rows)}::json) as r (id uuid, feed_id uuid, key text, identity_id uuid, says text,
      effective_at timestamptz, said jsonb, state text, reason text, delivery_id uuid, at timestamptz)
  `.execute(tx)
}

/** Of how many subjects a feed has said such since, and nobody has confirmed it. Those that are held count: they are what is being asked about. */
export async function saidSince(
  db: Queryable,
  feedId: string,
  says: readonly StatementSays[],
  since: Temporal.Instant,
): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(distinct key)::int as count from feed_statement
    where feed_id = ${feedId}::uuid and at > ${since.toString()}::timestamptz and says in (${sql.join(says)})
      and state in ('applied', 'held') and decided_at is null
  `.execute(db)
  return rows[0]?.count ?? 0
}

/** What a person is asked about these subjects, or has denied and the feed says still; locked until the transaction ends. */
export async function lockOpenStatements(tx: Queryable, feedId: string, keys: readonly string[]): Promise<FeedStatementRow[]> {
  if (keys.length === 0) return []
  const { rows } = await sql<FeedStatementRow>`
    select * from feed_statement where state in ('held', 'dismissed') and feed_id = ${feedId}::uuid
      and key in (select json_array_elements_text(${JSON.stringify(keys)}::json)) order by id for update
  `.execute(tx)
  return rows
}

/** Statements that are held, by id, locked until the transaction ends. */
export async function lockHeldById(tx: Queryable, ids: readonly string[]): Promise<FeedStatementRow[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<FeedStatementRow>`
    select * from feed_statement where id in (select json_array_elements_text(${JSON.stringify(ids)}::json)::uuid) order by id for update
  `.execute(tx)
  return rows
}

/** When the departures of these subjects take effect that a person is still asked about, by key. */
export async function heldDepartures(
  db: Queryable,
  feedId: string,
  keys: readonly string[],
): Promise<Map<string, Temporal.Instant>> {
  if (keys.length === 0) return new Map()
  const { rows } = await sql<{ key: string; at: Temporal.Instant }>`
    select key, effective_at as at from feed_statement where state = 'held' and effective_at is not null and feed_id = ${feedId}::uuid
      and key in (select json_array_elements_text(${JSON.stringify(keys)}::json))
  `.execute(db)
  return new Map(rows.map(({ key, at }) => [key, at]))
}

export async function decideStatements(
  tx: Queryable,
  ids: readonly string[],
  decision: { state: Exclude<StatementState, 'held'>; by: string; at: Temporal.Instant },
): Promise<void> {
  if (ids.length === 0) return
  await sql`
    update feed_statement set state = ${decision.state}, decided_at = ${decision.at.toString()}::timestamptz, decided_by = ${decision.by}
    where id in (select json_array_elements_text(${JSON.stringify(ids)}::json)::uuid) and state in ('held', 'dismissed')
  `.execute(tx)
}
