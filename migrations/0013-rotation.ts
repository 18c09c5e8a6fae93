import { type Kysely, sql } from 'kysely'

/**
 * Tokens that a replay may have spent: one row before each such message, gone again where the answer says that the token lives on. What
 * is here is never sent.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table spent_token (
    system_id uuid not null,
    fingerprint text not null,
    credential_id uuid not null,
    sent_at timestamptz not null,
    rotated_at timestamptz,
    primary key (system_id, fingerprint)
  )`.execute(db)
}
