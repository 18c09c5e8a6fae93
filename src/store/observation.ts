import { sql } from 'kysely'
import type { Wire } from '../domain/answer.ts'
import type { Control } from '../domain/control.ts'
import type { Reason } from '../domain/reason.ts'
import type { Transport } from '../domain/system.ts'
import type { Assurance, Strength, Verdict } from '../domain/verdict.ts'
import type { Queryable } from './db.ts'

/** One recorded verdict. Numbers that end in `_ms` are epoch milliseconds. */
export interface ObservationRow {
  id: string
  observed_ms: number
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
  type: string
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
  observed_ms: number
  due_ms: number
  verify_ms: number | null
  judged: boolean
  confirmed_ms: number | null
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
    select id, to_timestamp(observed_ms / 1000), trial_id, credential_id, identity_id, system_id, verdict, reason, strength, assurance,
      confirmed, principal, transport, effects, wire, latency_ms, trace_id, decode(leaf, 'hex')
    from json_to_recordset(${JSON.stringify(rows)}::json) as r (id uuid, observed_ms float8, trial_id uuid, credential_id uuid,
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
      verdict = r.verdict, reason = r.reason, strength = r.strength, assurance = r.assurance, observed_at = to_timestamp(r.observed_ms / 1000),
      due_at = case when c.due_at is null then null else to_timestamp(r.due_ms / 1000) end,
      verify_by = case when c.due_at is null then null else coalesce(to_timestamp(r.verify_ms / 1000), c.verify_by) end,
      judged_at = case when r.judged then to_timestamp(r.observed_ms / 1000) else c.judged_at end,
      accepted_at = case when r.verdict = 'accepted' then to_timestamp(r.observed_ms / 1000) else c.accepted_at end,
      confirmed_at = coalesce(to_timestamp(r.confirmed_ms / 1000), c.confirmed_at),
      rejections = r.rejections,
      failures = r.failures,
      first_rejected_at = case
        when r.verdict = 'accepted' then null
        when r.rejections > 0 then coalesce(c.first_rejected_at, to_timestamp(r.observed_ms / 1000))
        else c.first_rejected_at end,
      dead_at = case when r.verdict = 'accepted' then null when r.dead then coalesce(c.dead_at, to_timestamp(r.observed_ms / 1000)) else c.dead_at end,
      attempts = c.attempts + 1
    from json_to_recordset(${JSON.stringify(rows)}::json) as r (credential_id uuid, verdict text, reason text, strength text,
      assurance text, observed_ms float8, due_ms float8, verify_ms float8, judged boolean, confirmed_ms float8,
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
