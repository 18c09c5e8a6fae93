import { sql } from 'kysely'
import type { Queryable } from './db.ts'

/**
 * Deletes what stood beside observations that are past their retention: trials and controls, and the alerts of findings that were
 * resolved before. What an unresolved finding rests on stays, and so do findings, their events, exemptions and the audit. Answers how
 * many controls and trials went: those the ledger has entries of.
 */
export async function dropHistoryBefore(db: Queryable, before: Temporal.Instant): Promise<{ controls: number; trials: number }> {
  const at = sql`${before.toString()}::timestamptz`
  const kept = sql`select trial_id from finding where state <> 'resolved' and trial_id is not null`
  const controls = await sql`delete from control where observed_at < ${at} and trial_id not in (${kept})`.execute(db)
  const trials = await sql`delete from trial where coalesce(finished_at, started_at) < ${at} and id not in (${kept})`.execute(db)
  const stale = sql`select a.id from alert a join finding f on f.id = a.finding_id where a.at < ${at} and f.state = 'resolved' and f.resolved_at < ${at}`
  await sql`delete from delivery where alert_id in (${stale}) and state <> 'pending'`.execute(db)
  await sql`delete from alert where id in (${stale}) and not exists (select 1 from delivery d where d.alert_id = alert.id)`.execute(
    db,
  )
  return { controls: Number(controls.numAffectedRows ?? 0n), trials: Number(trials.numAffectedRows ?? 0n) }
}
