import type { Transaction } from 'kysely'
import { errorCode } from '../domain/error.ts'
import type { Db } from '../store/db.ts'
import type { Tables } from '../store/tables.ts'

export type Tx = Transaction<Tables>

/** Somebody wrote between the look ahead and the transaction: it is planned and run again. */
export class Outrun extends Error {}

/**
 * What another writer can do to a transaction that locks many rows: serialization_failure, deadlock_detected (a trial records the
 * same check states in its own order), unique_violation (the same new row from two imports).
 */
const REPEATABLE = new Set(['40001', '40P01', '23505'])
const TRIES = 5

/** Runs a transaction, again where only another writer was in its way. */
export async function inTransaction<Value>(db: Db, work: (tx: Tx) => Promise<Value>): Promise<Value> {
  return repeatedly(() => db.transaction().execute(work))
}

/** Runs work that holds a transaction, again where only another writer was in its way. */
export async function repeatedly<Value>(work: () => Promise<Value>): Promise<Value> {
  for (let tried = 1; ; tried++) {
    try {
      return await work()
    } catch (error) {
      const repeatable = error instanceof Outrun || REPEATABLE.has(errorCode(error) ?? '')
      if (!repeatable || tried === TRIES) throw error
    }
  }
}
