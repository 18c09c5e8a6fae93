import { type Selectable, sql } from 'kysely'
import { gapClosedFacts, gapOpenedFacts } from '../domain/facts/gap.ts'
import { toMs } from '../domain/facts/instant.ts'
import type { GapReason } from '../domain/gap.ts'
import { newId } from '../domain/id.ts'
import { leafOf } from '../domain/leaf.ts'
import type { Queryable } from './db.ts'
import { appendLedger } from './ledger.ts'
import type { GapTable } from './tables.ts'

export type GapRow = Selectable<GapTable>

/** A system with credentials that are overdue, and why nobody tries them. */
export interface OverdueSystem {
  systemId: string
  credentials: number
  /** When the first of them fell due. */
  since: Temporal.Instant
  reason: GapReason
}

export interface OverdueQuestion {
  now: Temporal.Instant
  /** What fell due before is overdue. */
  dueBefore: Temporal.Instant
  /** A replica that has been silent since then does not work. */
  aliveSince: Temporal.Instant
  /** Reasons of a hold by which the way to the system failed; any other hold was asked for by the system. */
  failures: readonly string[]
}

/** The systems that are behind, each with the first reason that applies. Reads the overdue part of an index, nothing else. */
export async function overdueSystems(db: Queryable, question: OverdueQuestion): Promise<OverdueSystem[]> {
  const [now, before, alive] = [question.now, question.dueBefore, question.aliveSince].map(
    (at) => sql`${at.toString()}::timestamptz`,
  )
  const { rows } = await sql<OverdueSystem>`
    select o.system_id as "systemId", o.credentials, o.since,
      case
        when exists (select 1 from pause p where p.scope in ('*', s.id::text)) then 'paused'
        when not exists (select 1 from heartbeat h where h.at >= ${alive} and s.zone = any (h.zones)) then 'no_worker'
        when s.origin <> s.bound_origin then 'origin_changed'
        when exists (select 1 from finding f where f.system_id = s.id and f.kind = 'blind_system' and f.state <> 'resolved') then 'blind'
        when s.hold_until > ${now} and s.hold_reason in (select json_array_elements_text(${JSON.stringify(question.failures)}::json)) then 'breaker'
        when s.hold_until > ${now} then 'held'
        when s.schedule is not null and (s.schedule_due_at is null or s.schedule_due_at > ${now}) then 'window'
        else 'behind'
      end as reason
    from (
      select system_id, count(*)::int as credentials, min(due_at) as since from check_state where due_at < ${before} group by system_id
    ) o join system s on s.id = o.system_id
    where s.retired_at is null
    order by s.id
  `.execute(db)
  return rows
}

/** The gaps that last, locked until the caller's transaction ends. */
export async function lockOpenGaps(db: Queryable): Promise<GapRow[]> {
  return db.selectFrom('gap').selectAll().where('to_at', 'is', null).orderBy('system_id').forUpdate().execute()
}

/** Begins a gap and hands it to the ledger, in the caller's transaction. */
export async function openGap(
  db: Queryable,
  gap: { systemId: string; reason: GapReason; from: Temporal.Instant; credentials: number },
  now: Temporal.Instant,
): Promise<void> {
  const row: GapRow = {
    id: newId(),
    system_id: gap.systemId,
    reason: gap.reason,
    from_at: toMs(gap.from),
    seen_at: toMs(now),
    to_at: null,
    credentials_at_start: gap.credentials,
    credentials: gap.credentials,
  }
  await db
    .insertInto('gap')
    .values({ ...row, from_at: row.from_at.toString(), seen_at: row.seen_at.toString(), to_at: null })
    .execute()
  await appendLedger(db, 'gap', [{ ref: row.id, digest: leafOf(gapOpenedFacts(row)) }])
}

/** Says that a gap still lasts. */
export async function extendGap(db: Queryable, gap: GapRow, credentials: number, now: Temporal.Instant): Promise<void> {
  await db
    .updateTable('gap')
    .set({ seen_at: toMs(now).toString(), credentials: Math.max(gap.credentials, credentials) })
    .where('id', '=', gap.id)
    .execute()
}

/** Ends a gap and hands that to the ledger, in the caller's transaction. */
export async function closeGap(db: Queryable, gap: GapRow, to: Temporal.Instant): Promise<void> {
  const row = { ...gap, to_at: toMs(to) }
  await db
    .updateTable('gap')
    .set({ to_at: row.to_at.toString(), seen_at: row.to_at.toString() })
    .where('id', '=', gap.id)
    .execute()
  await appendLedger(db, 'gap', [{ ref: row.id, digest: leafOf(gapClosedFacts(row)) }])
}

/** Makes passes over the gaps take turns until the caller's transaction ends; false: another replica is at it. */
export async function tryLockGaps(tx: Queryable): Promise<boolean> {
  const { rows } = await sql<{ got: boolean }>`select pg_try_advisory_xact_lock(8242119116018574963) as got`.execute(tx)
  return rows[0]?.got === true
}
