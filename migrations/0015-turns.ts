import { type Kysely, sql } from 'kysely'

/** What came of the last turn of an inventory, and who is suspended, by index. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const STATEMENTS = [
  `alter table listing_turn add column finished_at timestamptz, add column outcome text, add column people integer,
    add column complete integer, add column inconclusive integer, add column listed integer`,
  // Of these there are few.
  `create index identity_suspended on identity ((lower(name) collate "C"), id) where suspended_at is not null`,
]
