import { type Kysely, sql } from 'kysely'

/** Why a credential is off the list, and when its secret ends by its own date. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const STATEMENTS = [
  'alter table credential add column retired_reason text',
  'alter table secret add column expires_at timestamptz, add column cloud_key_since timestamptz',
  // What is sealed is counted each minute.
  'create index secret_sealed on secret (system_id) where sealed is not null',
]
