import { sql } from 'kysely'
import type { Wire } from '../domain/answer.ts'
import type { Control } from '../domain/control.ts'
import type { Reason } from '../domain/reason.ts'
import type { Transport } from '../domain/system.ts'
import type { Assurance, Strength, Verdict } from '../domain/verdict.ts'
import type { Queryable } from './db.ts'

/** One recorded verdict, and what follows from it for the credential's next check. Instants are RFC 3339 strings. */
export interface ObservationRow {
  id: string
  observed_at: string
  trial_id: string
  credential_id: string
  identity_id: string
  system_id: string
  verdict: Verdict
  reason: Reason
  strength: Strength
  assurance: Assurance
  confirmed: boolean
  principal: string | null
  transport: Transport
  effects: string | null
  wire: Wire
  latency_ms: number
  trace_id: string
  /** SHA-256 of the canonical leaf, hex. */
  leaf: string
}

/** What one observation changes in its credential's check state. */
export interface CheckUpdate {
  credential_id: string
  verdict: Verdict
  reason: Reason
  strength: Strength
  assurance: Assurance
  observed_at: string
  due_at: string
  verify_by: string | null
  judged: boolean
  confirmed_at: string | null
  rejections: number
  failures: number
  dead: boolean
}

/** Appends observations. Replaying a page after a crash cannot double a row: ids are made by the caller. */
export async function insertObservations(db: Queryable, rows: readonly ObservationRow[]): Promise<void> {
  if (rows.length === 0) return
  // One parameter however long the page: the JSON is built natively and parsed natively.
  await sql`
    insert into observation (id, observed_at, trial_id, credential_id, identity_id, system_id, verdict, reason, strength, assurance,
      confirmed, principal, transport, effects, wire, latency_ms, trace_id, leaf)
    select id, observed_at, trial_id, credential_id, identity_id, system_id, verdict, reason, strength, assurance,
      confirmed, principal, transport, effects, wire, latency_ms, trace_id, decode(leaf, 'hex')
    from json_to_recordset(${JSON.stringify(rows)}::json) as r (id uuid, observed_at timestamptz, trial_id uuid, credential_id uuid,
      identity_id uuid, system_id uuid, verdict text, reason text, strength text, assurance text, confirmed boolean, principal text,
      transport text, effects text, wire jsonb, latency_ms real, trace_id text, leaf text)
  `.execute(db)
}

/**
 * Moves the check states on. A credential that meanwhile was retired, or whose identity came back, has no `due_at` and keeps none.
 */
export async function updateCheckStates(db: Queryable, rows: readonly CheckUpdate[]): Promise<void> {
  if (rows.length === 0) return
  await sql`
    update check_state c set
      verdict = r.verdict, reason = r.reason, strength = r.strength, assurance = r.assurance, observed_at = r.observed_at,
      due_at = case when c.due_at is null then null else r.due_at end,
      verify_by = case when c.due_at is null then null else coalesce(r.verify_by, c.verify_by) end,
      judged_at = case when r.judged then r.observed_at else c.judged_at end,
      accepted_at = case when r.verdict = 'accepted' then r.observed_at else c.accepted_at end,
      confirmed_at = coalesce(r.confirmed_at, c.confirmed_at),
      rejections = r.rejections,
      failures = r.failures,
      first_rejected_at = case
        when r.verdict = 'accepted' then null
        when r.rejections > 0 then coalesce(c.first_rejected_at, r.observed_at)
        else c.first_rejected_at end,
      dead_at = case when r.verdict = 'accepted' then null when r.dead then coalesce(c.dead_at, r.observed_at) else c.dead_at end,
      attempts = c.attempts + 1
    from json_to_recordset(${JSON.stringify(rows)}::json) as r (credential_id uuid, verdict text, reason text, strength text,
      assurance text, observed_at timestamptz, due_at timestamptz, verify_by timestamptz, judged boolean, confirmed_at timestamptz,
      rejections integer, failures integer, dead boolean)
    where c.credential_id = r.credential_id
  `.execute(db)
}

export interface ControlRow {
  id: string
  trial_id: string
  system_id: string
  credential_id: string | null
  control: Control
  observed_at: string
  verdict: Verdict
  reason: Reason
  strength: Strength
  wire: Wire
  latency_ms: number
  transport: Transport
  /** SHA-256 of the canonical leaf, hex. */
  leaf: string
}

export async function insertControls(db: Queryable, rows: readonly ControlRow[]): Promise<void> {
  if (rows.length === 0) return
  await db
    .insertInto('control')
    .values(rows.map((row) => ({ ...row, wire: JSON.stringify(row.wire), leaf: Buffer.from(row.leaf, 'hex') })))
    .execute()
}
