import { type RawBuilder, sql } from 'kysely'
import { textArray } from './arrays.ts'
import { audit } from './audit.ts'
import type { Queryable } from './db.ts'

/** Why somebody may not sign in here: what `ended_by` says of that which ended for it; in the audit, `because`. */
export type Away = 'suspended' | 'terminated'

/**
 * Whether one of these addresses and external ids is that of an identity that has left by now, else of one that is suspended; null: of
 * neither. An expression for a query that has `bearers` (text[]) at hand. E-mail addresses are compared without case. Look-ups by
 * indexes, even where the planner knows nothing of the table yet: a join it would hash, and for `exists` it would read the table, in the
 * hope of an early end. Hence `max`, in whose order `terminated` comes last.
 */
export function awayness(bearers: RawBuilder<unknown>, now: Temporal.Instant): RawBuilder<Away | null> {
  const why = sql`max(case
    when i.terminated_at <= ${now.toString()}::timestamptz then 'terminated'
    when i.suspended_at is not null then 'suspended'
  end)`
  return sql<Away | null>`greatest(
    (select ${why} from identity i where i.external_id = any (${bearers})),
    (select max(a.why) from unnest(${bearers}) b cross join lateral (
      select ${why} as why from identity i where lower(i.email) = lower(b) and i.email is not null
    ) a)
  )`
}

/** The same, for whoever is only about to sign in. */
export async function anyAway(db: Queryable, bearers: readonly string[], now: Temporal.Instant): Promise<Away | undefined> {
  const { rows } = await sql<{ away: Away | null }>`
    select ${awayness(sql`${textArray(bearers)}::text::text[]`, now)} as away
  `.execute(db)
  return rows[0]?.away ?? undefined
}

/**
 * Ends every session and revokes every token that belongs to somebody who has left by now, or is suspended, each with a row in the audit.
 * Whoever comes back must sign in again. Answers how many ended.
 *
 * @param actor in the audit's words
 */
export async function endThoseAway(tx: Queryable, actor: string, now: Temporal.Instant): Promise<number> {
  const at = sql`${now.toString()}::timestamptz`
  const { rows } = await sql<{ id: string; actor: string | null; token: string | null; because: Away }>`
    with s as (
      update session set ended_at = ${at}, ended_by = ${awayness(sql.ref('session.bearers'), now)}
      where ended_at is null and expires_at > ${at} and ${awayness(sql.ref('session.bearers'), now)} is not null
      returning id, actor, ended_by
    ), t as (
      update api_token set ended_at = ${at}, ended_by = ${awayness(sql.ref('api_token.bearers'), now)}
      where ended_at is null and expires_at > ${at} and ${awayness(sql.ref('api_token.bearers'), now)} is not null
      returning id, name, ended_by
    )
    select id, actor, null as token, ended_by as because from s union all select id, null, name, ended_by from t
  `.execute(tx)
  for (const { id, actor: of, token, because } of rows) {
    if (token === null) await audit(tx, { actor, action: 'session.end', subject: id, detail: { of, because }, at: now })
    else await audit(tx, { actor, action: 'token.revoke', subject: token, detail: { id, because }, at: now })
  }
  return rows.length
}
