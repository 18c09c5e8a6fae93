import { type RawBuilder, sql } from 'kysely'
import { textArray } from './arrays.ts'
import { audit } from './audit.ts'
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

/** What `ended_by` says of that which ended because one of those it belongs to has left; in the audit, `because`. */
export const TERMINATED = 'terminated'

/**
 * Ends every session and revokes every token that belongs to somebody who has left by now, each with a row in the audit. Whoever comes
 * back must sign in again. Answers how many ended.
 *
 * @param actor in the audit's words
 */
export async function endThoseOfLeavers(tx: Queryable, actor: string, now: Temporal.Instant): Promise<number> {
  const at = sql`${now.toString()}::timestamptz`
  const { rows } = await sql<{ id: string; actor: string | null; token: string | null }>`
    with s as (
      update session set ended_at = ${at}, ended_by = ${TERMINATED}
      where ended_at is null and expires_at > ${at} and ${hasLeft(sql.ref('session.bearers'), now)} returning id, actor
    ), t as (
      update api_token set ended_at = ${at}, ended_by = ${TERMINATED}
      where ended_at is null and expires_at > ${at} and ${hasLeft(sql.ref('api_token.bearers'), now)} returning id, name
    )
    select id, actor, null as token from s union all select id, null, name from t
  `.execute(tx)
  for (const { id, actor: of, token } of rows) {
    if (token === null)
      await audit(tx, { actor, action: 'session.end', subject: id, detail: { of, because: TERMINATED }, at: now })
    else await audit(tx, { actor, action: 'token.revoke', subject: token, detail: { id, because: TERMINATED }, at: now })
  }
  return rows.length
}
