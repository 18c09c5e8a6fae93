import { type Kysely, sql } from 'kysely'

/** Listings are logged: with all that their judgement rests on, and events of findings name the listing that made them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const STATEMENTS = [
  // Null: recorded before listings were logged.
  `alter table listing add column whole jsonb, add column shown jsonb, add column missing jsonb`,
  `alter table finding_event add column listing_id uuid`,
]
