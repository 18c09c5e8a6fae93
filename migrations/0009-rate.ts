import { type Kysely, sql } from 'kysely'

/** Rates that hold over all processes: until when the attempts of a system are given out. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw('alter table system add column rate_full_at timestamptz').execute(db)
}
