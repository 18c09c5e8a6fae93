import { type RawBuilder, sql } from 'kysely'
import type { Wire } from '../domain/answer.ts'
import type { Control } from '../domain/control.ts'
import { newId } from '../domain/id.ts'
import type { Reason } from '../domain/reason.ts'
import type { Transport } from '../domain/system.ts'
import type { Assurance, Strength, Verdict } from '../domain/verdict.ts'
import { bytesArray, plainArray, textArray } from './arrays.ts'
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

/**
 * Appends a page of observations with the controls that were asked on the way, hands both to the ledger and moves the check states on,
 * in one statement: the page travels and is parsed once.
 *
 * A check state moves only if its `due_at` is still the one that the trial read. Otherwise the credential was given another secret,
 * was retired, or its identity came or went meanwhile: the observation stands as a fact of its time, but says nothing of what is
 * there now.
 *
 * @returns the credentials whose check state moved
 */
export async function recordPage(
  db: Queryable,
  page: PageFacts,
  rows: readonly RecordedRow[],
  controls: readonly ControlRow[] = [],
): Promise<Set<string>> {
  if (rows.length === 0) return new Set()
  const moved = await sql<{ id: string }>`
    with r as materialized (${unnestRows(rows)}), appended as (
      insert into observation (id, observed_at, trial_id, credential_id, identity_id, system_id, verdict, reason, strength,
        assurance, confirmed, principal, transport, effects, wire, latency_ms, trace_id, leaf)
      select id, to_timestamp(observed_ms / 1000), ${page.trialId}::uuid, credential_id, identity_id, ${page.systemId}::uuid, verdict,
        reason, strength, assurance, confirmed, principal, ${page.transport}, ${page.effects}, wire, latency_ms, ${page.traceId}, leaf
      from r
    ), logged as (
      insert into ledger_outbox (id, kind, leaves, refs, digests, created_at)
      select ${newId()}::uuid, 'observation', count(*), array_agg(id), array_agg(leaf), clock_timestamp() from r
    )${controls.length === 0 ? sql`` : sql`, ${controlsStep(controls)}`}
    update check_state s set
      verdict = r.verdict, reason = r.reason, strength = r.strength, assurance = r.assurance,
      observed_at = to_timestamp(r.observed_ms / 1000),
      due_at = to_timestamp(r.due_ms / 1000),
      verify_by = coalesce(to_timestamp(r.verify_ms / 1000), s.verify_by),
      judged_at = case when r.judged then to_timestamp(r.observed_ms / 1000) else s.judged_at end,
      accepted_at = case when r.verdict = 'accepted' then to_timestamp(r.observed_ms / 1000) else s.accepted_at end,
      confirmed_at = coalesce(to_timestamp(r.confirmed_ms / 1000), s.confirmed_at),
      rejections = r.rejections,
      failures = r.failures,
      first_rejected_at = case
        when r.rejections = 0 then null
        else coalesce(s.first_rejected_at, to_timestamp(r.observed_ms / 1000)) end,
      dead_at = case
        when r.rejections = 0 then null
        when r.dead then coalesce(s.dead_at, to_timestamp(r.observed_ms / 1000))
        else s.dead_at end,
      attempts = s.attempts + 1
    from r
    where s.credential_id = r.credential_id and s.due_at = r.seen_due
    returning s.credential_id as id
  `.execute(db)
  return new Set(moved.rows.map((row) => row.id))
}

function unnestRows(rows: readonly RecordedRow[]): RawBuilder<unknown> {
  const plain = (column: keyof RecordedRow & PlainColumn) => plainArray(rows.map((row) => row[column]))
  const text = (column: 'verdict' | 'reason' | 'strength' | 'assurance' | 'principal' | 'seen_due') =>
    textArray(rows.map((row) => row[column]))
  return sql`
    select * from unnest(
      ${plain('id')}::text::uuid[], ${plain('observed_ms')}::text::float8[], ${plain('credential_id')}::text::uuid[],
      ${plain('identity_id')}::text::uuid[], ${text('verdict')}::text::text[], ${text('reason')}::text::text[],
      ${text('strength')}::text::text[], ${text('assurance')}::text::text[], ${plain('confirmed')}::text::boolean[],
      ${text('principal')}::text::text[], ${textArray(rows.map((row) => JSON.stringify(row.wire)))}::text::jsonb[],
      ${plain('latency_ms')}::text::float8[], ${bytesArray(rows.map((row) => row.leaf))}::text::bytea[],
      ${text('seen_due')}::text::timestamptz[], ${plain('due_ms')}::text::float8[], ${plain('verify_ms')}::text::float8[],
      ${plain('judged')}::text::boolean[], ${plain('confirmed_ms')}::text::float8[], ${plain('rejections')}::text::integer[],
      ${plain('failures')}::text::integer[], ${plain('dead')}::text::boolean[]
    ) as r (id, observed_ms, credential_id, identity_id, verdict, reason, strength, assurance, confirmed, principal, wire, latency_ms,
      leaf, seen_due, due_ms, verify_ms, judged, confirmed_ms, rejections, failures, dead)`
}

type PlainColumn =
  | 'id'
  | 'observed_ms'
  | 'credential_id'
  | 'identity_id'
  | 'confirmed'
  | 'latency_ms'
  | 'due_ms'
  | 'verify_ms'
  | 'judged'
  | 'confirmed_ms'
  | 'rejections'
  | 'failures'
  | 'dead'

/** Records controls by themselves: those that are asked before a trial's replays. */
export async function insertControls(db: Queryable, rows: readonly ControlRow[]): Promise<void> {
  if (rows.length === 0) return
  await sql`with ${controlsStep(rows)} select 1`.execute(db)
}

/** The steps `asked` and `asked_logged` of a statement. */
function controlsStep(rows: readonly ControlRow[]): RawBuilder<unknown> {
  const given = JSON.stringify(rows)
  return sql`c as materialized (
    select * from json_to_recordset(${given}::json) as c (id uuid, trial_id uuid, system_id uuid, credential_id uuid, control text,
      observed_at timestamptz, verdict text, reason text, strength text, wire jsonb, latency_ms float8, transport text, leaf text)
  ), asked as (
    insert into control (id, trial_id, system_id, credential_id, control, observed_at, verdict, reason, strength, wire, latency_ms,
      transport, leaf)
    select id, trial_id, system_id, credential_id, control, observed_at, verdict, reason, strength, wire, latency_ms, transport,
      decode(leaf, 'hex') from c
  ), asked_logged as (
    insert into ledger_outbox (id, kind, leaves, refs, digests, created_at)
    select ${newId()}::uuid, 'control', count(*), array_agg(id), array_agg(decode(leaf, 'hex')), clock_timestamp() from c
  )`
}
