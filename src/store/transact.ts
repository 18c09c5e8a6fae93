import type { Transaction } from 'kysely'
import { errorCode } from '../domain/error.ts'
import type { Db } from './db.ts'
import type { Tables } from './tables.ts'

/**
 * What another writer can do to a transaction: serialization_failure, deadlock_detected (two that lock many rows in orders of their
 * own), unique_violation (the same new row from both).
 */
const REPEATABLE: ReadonlySet<string> = new Set(['40001', '40P01', '23505'])
const TRIES = 5

/** Runs a transaction, and runs it again where only another writer was in its way; `work` must bear to be run more than once. */
export async function transact<Value>(db: Db, work: (tx: Transaction<Tables>) => Promise<Value>): Promise<Value> {
  for (let tried = 1; ; tried++) {
    try {
      return await db.transaction().execute(work)
    } catch (error) {
      if (tried === TRIES || !REPEATABLE.has(errorCode(error) ?? '')) throw error
    }
  }
}
