import { sql } from 'kysely'
import type { Wire } from '../domain/answer.ts'
import type { Control } from '../domain/control.ts'
import type { Reason } from '../domain/reason.ts'
import type { Transport } from '../domain/system.ts'
import type { Assurance, Strength, Verdict } from '../domain/verdict.ts'
import type { Queryable } from './db.ts'

/** What the observations of one page have in common. */
export interface PageFacts {
  trialId: string
  systemId: string
  transport: Transport
  effects: string | null
  traceId: string
}

/** One observation, and what it changes in its credential's check state. Numbers that end in `_ms` are epoch milliseconds. */
export interface RecordedRow {
  id: string
  observed_ms: number
  credential_id: string
  identity_id: string
  verdict: Verdict
  reason: Reason
  strength: Strength
  assurance: Assurance
  confirmed: boolean
  principal: string | null
  wire: Wire
  latency_ms: number
  /** SHA-256 of the canonical leaf, hex. */
  leaf: string
  /** `due_at` as the trial read it, text. */
  seen_due: string
  due_ms: number
  verify_ms: number | null
  judged: boolean
  confirmed_ms: number | null
  rejections: number
  failures: number
  dead: boolean
}

/**
 * Appends a page of observations and moves the check states on, in one statement: the page travels and is parsed once.
 *
 * A check state moves only if its `due_at` is still the one that the trial read. Otherwise the credential was given another secret,
 * was retired, or its identity came or went meanwhile: the observation stands as a fact of its time, but says nothing of what is
 * there now.
 *
 * @returns the credentials whose check state moved
 */
export async function recordPage(db: Queryable, page: PageFacts, rows: readonly RecordedRow[]): Promise<Set<string>> {
  if (rows.length === 0) return new Set()
  const moved = await sql<{ id: string }>`
    with r as materialized (
      select * from json_to_recordset(${JSON.stringify(rows)}::json) as r (id uuid, observed_ms float8, credential_id uuid,
        identity_id uuid, verdict text, reason text, strength text, assurance text, confirmed boolean, principal text, wire jsonb,
        latency_ms real, leaf text, seen_due timestamptz, due_ms float8, verify_ms float8, judged boolean, confirmed_ms float8,
        rejections integer, failures integer, dead boolean)
    ), appended as (
      insert into observation (id, observed_at, trial_id, credential_id, identity_id, system_id, verdict, reason, strength,
        assurance, confirmed, principal, transport, effects, wire, latency_ms, trace_id, leaf)
      select id, to_timestamp(observed_ms / 1000), ${page.trialId}::uuid, credential_id, identity_id, ${page.systemId}::uuid, verdict,
        reason, strength, assurance, confirmed, principal, ${page.transport}, ${page.effects}, wire, latency_ms, ${page.traceId},
        decode(leaf, 'hex')
      from r
    )
    update check_state c set
      verdict = r.verdict, reason = r.reason, strength = r.strength, assurance = r.assurance,
      observed_at = to_timestamp(r.observed_ms / 1000),
      due_at = to_timestamp(r.due_ms / 1000),
      verify_by = coalesce(to_timestamp(r.verify_ms / 1000), c.verify_by),
      judged_at = case when r.judged then to_timestamp(r.observed_ms / 1000) else c.judged_at end,
      accepted_at = case when r.verdict = 'accepted' then to_timestamp(r.observed_ms / 1000) else c.accepted_at end,
      confirmed_at = coalesce(to_timestamp(r.confirmed_ms / 1000), c.confirmed_at),
      rejections = r.rejections,
      failures = r.failures,
      first_rejected_at = case
        when r.rejections = 0 then null
        else coalesce(c.first_rejected_at, to_timestamp(r.observed_ms / 1000)) end,
      dead_at = case
        when r.rejections = 0 then null
        when r.dead then coalesce(c.dead_at, to_timestamp(r.observed_ms / 1000))
        else c.dead_at end,
      attempts = c.attempts + 1
    from r
    where c.credential_id = r.credential_id and c.due_at = r.seen_due
    returning c.credential_id as id
  `.execute(db)
  return new Set(moved.rows.map((row) => row.id))
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
