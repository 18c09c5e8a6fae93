import type { Selectable } from 'kysely'
import { toMs } from '../domain/facts/instant.ts'
import { ledgerKeyFacts } from '../domain/facts/ledger-key.ts'
import { newId } from '../domain/id.ts'
import { leafOf } from '../domain/leaf.ts'
import type { Queryable } from './db.ts'
import { appendLedger } from './ledger.ts'
import type { LedgerKeyTable } from './tables.ts'

export type LedgerKeyRow = Selectable<LedgerKeyTable>

/** Every key that the log has had, oldest first: the last one signs. */
export async function listLedgerKeys(db: Queryable): Promise<LedgerKeyRow[]> {
  return db.selectFrom('ledger_key').selectAll().orderBy('created_at').execute()
}

/**
 * Takes a key up after the others (at least a millisecond later, by which they are ordered), with its entry in the log, in the
 * caller's transaction. Two that do so at once: unique violation, or the second comes after the first.
 */
export async function addLedgerKeyRow(db: Queryable, vkey: string, now: Temporal.Instant): Promise<void> {
  const before = (await listLedgerKeys(db)).at(-1)
  const next = before?.created_at.add({ milliseconds: 1 })
  const at = next !== undefined && Temporal.Instant.compare(now, next) < 0 ? next : now
  const row = { id: newId(), vkey, previous: before?.vkey ?? null, created_at: toMs(at) }
  await db
    .insertInto('ledger_key')
    .values({ ...row, created_at: row.created_at.toString() })
    .execute()
  await appendLedger(db, 'key', [{ ref: row.id, digest: leafOf(ledgerKeyFacts(row)) }])
}
