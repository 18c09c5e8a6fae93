import { type Selectable, sql } from 'kysely'
import type { Queryable } from './db.ts'
import type { CheckpointRow } from './ledger.ts'
import type { LedgerEntryTable } from './tables.ts'

export type LedgerEntryRow = Selectable<LedgerEntryTable>

/** The entries from `index` on, in order. */
export async function entriesFrom(db: Queryable, index: number, limit: number): Promise<LedgerEntryRow[]> {
  return db.selectFrom('ledger_entry').selectAll().where('index', '>=', index).orderBy('index').limit(limit).execute()
}

/** The entries of one row: most have one; a gap has one for its beginning and one for its end. */
export async function entriesOf(db: Queryable, ref: string): Promise<LedgerEntryRow[]> {
  return db.selectFrom('ledger_entry').selectAll().where('ref', '=', ref).orderBy('index').execute()
}

/** How many entries there are of each kind. Reads the whole log. */
export async function countEntries(db: Queryable): Promise<{ kind: string; count: number }[]> {
  const { rows } = await sql<{ kind: string; count: number }>`
    select kind, count(*)::float8 as count from ledger_entry group by kind order by kind
  `.execute(db)
  return rows
}

/** Checkpoints older than `before` that nobody anchored, but for the last one of each hour: which sizes were signed when stays told. */
export async function thinCheckpoints(db: Queryable, before: Temporal.Instant): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from ledger_checkpoint c where c.at < ${before.toString()}::timestamptz
      and not exists (select 1 from ledger_anchor a where a.size = c.size)
      and exists (select 1 from ledger_checkpoint n where n.size > c.size and n.at < date_trunc('hour', c.at) + interval '1 hour'
        and n.at >= c.at)
  `.execute(db)
  return Number(numAffectedRows ?? 0n)
}

/** Checkpoints of more than `after` leaves, in order. */
export async function checkpointsFrom(db: Queryable, after: number, limit: number): Promise<CheckpointRow[]> {
  return db.selectFrom('ledger_checkpoint').selectAll().where('size', '>', after).orderBy('size').limit(limit).execute()
}
