import { sql } from 'kysely'
import type { Queryable } from './db.ts'

/** A credential's check, as a termination finds it. */
export interface Check {
  credentialId: string
  identityId: string
  terminatedAt: Temporal.Instant | null
  observedAt: Temporal.Instant | null
}

/** The checks of identities' credentials, retired ones left out, locked in one order until the transaction ends. */
export async function lockChecks(tx: Queryable, identityIds: readonly string[]): Promise<Check[]> {
  return readChecks(tx, identityIds, sql`for update of c`)
}

/** The same without the lock, for a look ahead. */
export async function findChecks(db: Queryable, identityIds: readonly string[]): Promise<Check[]> {
  return readChecks(db, identityIds, sql``)
}

async function readChecks(db: Queryable, identityIds: readonly string[], lock: ReturnType<typeof sql>): Promise<Check[]> {
  if (identityIds.length === 0) return []
  const { rows } = await sql<Check>`
    select c.credential_id as "credentialId", k.identity_id as "identityId", c.terminated_at as "terminatedAt",
      c.observed_at as "observedAt"
    from credential k join check_state c on c.credential_id = k.id
    where k.retired_at is null and k.identity_id in (select json_array_elements_text(${JSON.stringify(identityIds)}::json)::uuid)
    order by c.credential_id ${lock}
  `.execute(db)
  return rows
}

/** When a check begins. Instants are RFC 3339 strings; all null: the identity is active. */
export interface CheckStart {
  credential_id: string
  terminated_at: string | null
  due_at: string | null
  verify_by: string | null
}

/** Begins checks anew: nothing that was seen before counts any more. The observations themselves stay. */
export async function restartChecks(tx: Queryable, starts: readonly CheckStart[]): Promise<void> {
  if (starts.length === 0) return
  await sql`
    update check_state c set terminated_at = r.terminated_at, due_at = r.due_at, verify_by = r.verify_by,
      verdict = null, reason = null, strength = null, assurance = null, observed_at = null, judged_at = null, accepted_at = null,
      confirmed_at = null, rejections = 0, first_rejected_at = null, dead_at = null, failures = 0
    from json_to_recordset(${JSON.stringify(starts)}::json) as r (credential_id uuid, terminated_at timestamptz,
      due_at timestamptz, verify_by timestamptz)
    where c.credential_id = r.credential_id
  `.execute(tx)
}

/** Corrects the instant that latencies are counted from; what was seen, and what is due, stays. */
export async function correctTermination(
  tx: Queryable,
  rows: readonly { credential_id: string; terminated_at: string }[],
): Promise<void> {
  if (rows.length === 0) return
  await sql`
    update check_state c set terminated_at = r.terminated_at
    from json_to_recordset(${JSON.stringify(rows)}::json) as r (credential_id uuid, terminated_at timestamptz)
    where c.credential_id = r.credential_id
  `.execute(tx)
}

/** Ends checks: nothing is replayed any more. How they last stood remains readable. */
export async function stopChecks(tx: Queryable, credentialIds: readonly string[]): Promise<void> {
  if (credentialIds.length === 0) return
  await sql`
    update check_state set due_at = null, verify_by = null, terminated_at = null
    where credential_id in (select json_array_elements_text(${JSON.stringify(credentialIds)}::json)::uuid)
  `.execute(tx)
}

/** One trial that can start now. */
export interface TrialShard {
  systemId: string
  zone: string
  shard: number
}

/**
 * The trials that these credentials need at once. Systems that are retired, held, or outside the window of their own schedule are
 * left to the tick, which knows when they may be tried.
 */
export async function trialsFor(tx: Queryable, credentialIds: readonly string[], now: Temporal.Instant): Promise<TrialShard[]> {
  if (credentialIds.length === 0) return []
  const at = sql`${now.toString()}::timestamptz`
  // Materialised: without statistics the planner would look the credentials up once for each system.
  const { rows } = await sql<TrialShard>`
    with due as materialized (
      select distinct system_id, slot from check_state
      where credential_id in (select json_array_elements_text(${JSON.stringify(credentialIds)}::json)::uuid) and due_at <= ${at}
    )
    select distinct s.id as "systemId", s.zone, (due.slot % s.shards)::int as shard
    from due join system s on s.id = due.system_id
    where s.retired_at is null
      and (s.hold_until is null or s.hold_until <= ${at})
      and (s.schedule is null or s.schedule_due_at <= ${at})
    order by 1, 3
  `.execute(tx)
  return rows
}

/** The zones of the systems that are in use: each has a queue of its own. */
export async function zonesInUse(db: Queryable): Promise<string[]> {
  const rows = await db.selectFrom('system').select('zone').distinct().where('retired_at', 'is', null).execute()
  return rows.map((row) => row.zone)
}
