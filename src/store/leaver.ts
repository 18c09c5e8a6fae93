import { type RawBuilder, sql } from 'kysely'
import { textArray } from './arrays.ts'
import type { Queryable } from './db.ts'

/**
 * Whether one of these addresses and external ids is that of an identity that has left by now: an expression for a query that has
 * `bearers` (text[]) at hand. E-mail addresses are compared without case. Look-ups by indexes, even where the planner knows nothing of the
 * table yet: a join it would hash, and for `exists` it would read the table, in the hope of an early end. Hence `count`.
 */
export function hasLeft(bearers: RawBuilder<unknown>, now: Temporal.Instant): RawBuilder<boolean> {
  const at = sql`${now.toString()}::timestamptz`
  return sql<boolean>`(
    exists (select 1 from identity i where i.external_id = any (${bearers}) and i.terminated_at <= ${at})
    or exists (select 1 from unnest(${bearers}) b where (
      select count(*) from identity i where lower(i.email) = lower(b) and i.email is not null and i.terminated_at <= ${at}) > 0)
  )`
}

/** The same, for whoever is only about to sign in. */
export async function anyLeft(db: Queryable, bearers: readonly string[], now: Temporal.Instant): Promise<boolean> {
  const { rows } = await sql<{ left: boolean }>`
    select ${hasLeft(sql`${textArray(bearers)}::text::text[]`, now)} as left
  `.execute(db)
  return rows[0]?.left === true
}
