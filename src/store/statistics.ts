import { sql } from 'kysely'
import type { Queryable } from './db.ts'

/**
 * Tells the planner how large the tables of intake have become. Postgres does so by itself some minutes after a bulk load, the
 * embedded database never; until then it reads whole tables where an index would do.
 */
export async function refreshStatistics(db: Queryable): Promise<void> {
  await sql`analyze identity, credential, secret, check_state`.execute(db)
}

/** Frees what updates left behind and refreshes the planner's statistics; for the embedded database, which does neither by itself. */
export async function vacuum(db: Queryable): Promise<void> {
  await sql`vacuum (analyze)`.execute(db)
}
