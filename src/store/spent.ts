import { type RawBuilder, sql } from 'kysely'
import type { RetiredReason } from '../domain/credential.ts'
import type { Queryable } from './db.ts'
import { at } from './told.ts'

export interface SpentQuestion {
  now: Temporal.Instant
  /** Undefined: nothing is shredded for being dead, and what nobody could try is kept for ever. */
  shredAfterDeadMs: number | undefined
  /** Undefined: a cloud key has no date. */
  cloudKeyMaxAgeMs: number | undefined
  /** The id of the last row of the page before. */
  after: string | undefined
  limit: number
}

/** A credential that need not be kept any longer. */
export interface SpentCredential {
  credentialId: string
  system: string
  externalId: string
  label: string
  /** False: a reference, of which there is nothing to shred. */
  wasSealed: boolean
  reason: Exclude<RetiredReason, 'operator'>
  deadAt: Temporal.Instant | null
  expiresAt: Temporal.Instant | null
  /** The last answer; null: it was never tried. */
  watchedUntil: Temporal.Instant | null
}

/**
 * Credentials that are spent, by id, locked until the transaction ends; those that somebody else is at are left to the next time. Never one
 * that is due: its answer may be on the way.
 *
 * `proven_dead`: a sealed one whose proven refusals span the whole time from the one that made it dead, with no acceptance among them and
 * the last answer one of them. `rotated`: another value was registered for the others who hold it, and the last answer is a proven refusal
 * from after that, of one that is dead. `expired`: past its own date, and either the last answer is a strong refusal from after it, of one that is
 * dead; or nothing was ever accepted, nothing judged since, and as much time has gone by; a cloud key, whose age is a policy and no date of its own,
 * never goes so.
 */
export async function lockSpent(tx: Queryable, question: SpentQuestion): Promise<SpentCredential[]> {
  const { now, shredAfterDeadMs, cloudKeyMaxAgeMs, after, limit } = question
  const refused = sql`(c.due_at > ${at(now)} and c.verdict = 'rejected' and c.dead_at is not null and c.judged_at = c.observed_at)`
  const held = (since: RawBuilder<unknown>, until: RawBuilder<unknown>) =>
    shredAfterDeadMs === undefined
      ? sql`false`
      : sql`(${until} >= ${since} + ${shredAfterDeadMs}::float8 * interval '1 millisecond')`
  const keyEnds =
    cloudKeyMaxAgeMs === undefined
      ? sql`null::timestamptz`
      : sql`x.cloud_key_since + ${cloudKeyMaxAgeMs}::float8 * interval '1 millisecond'`
  const { rows } = await sql<SpentCredential>`
    select k.id as "credentialId", s.name as system, i.external_id as "externalId", k.label, x.sealed is not null as "wasSealed", r.reason,
      c.dead_at as "deadAt", e.ends_at as "expiresAt", c.observed_at as "watchedUntil"
    from credential k join check_state c on c.credential_id = k.id join secret x on x.credential_id = k.id
    join system s on s.id = k.system_id join identity i on i.id = k.identity_id
    cross join lateral (select least(x.expires_at, ${keyEnds}) as ends_at) e
    cross join lateral (
      select case
        when k.rotated_at is not null and ${refused} and c.judged_at >= k.rotated_at then 'rotated'
        when e.ends_at <= ${at(now)} and ${refused} and c.strength = 'strong' and c.judged_at >= e.ends_at then 'expired'
        when x.sealed is not null and ${refused} and ${held(sql`c.dead_at`, sql`c.judged_at`)} then 'proven_dead'
        when x.expires_at <= ${at(now)} and (c.due_at is null or c.due_at > ${at(now)}) and c.accepted_at is null
          and (c.judged_at is null or c.judged_at < x.expires_at) and ${held(sql`x.expires_at`, at(now))} then 'expired'
      end as reason
    ) r
    where k.retired_at is null and ${after === undefined ? sql`true` : sql`k.id > ${after}::uuid`} and r.reason is not null
    order by k.id limit ${limit} for update of k, c skip locked
  `.execute(tx)
  return rows
}

/** How many secrets are sealed now, by system. */
export async function countSealed(db: Queryable): Promise<{ system: string; count: number }[]> {
  const { rows } = await sql<{ system: string; count: number }>`
    select s.name as system, n.count from (
      select x.system_id, count(*)::int as count from secret x where x.sealed is not null group by x.system_id
    ) n join system s on s.id = n.system_id
  `.execute(db)
  return rows
}
