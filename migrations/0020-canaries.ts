import { type Kysely, sql } from 'kysely'

/** Tokens of canaries are written down before they are sent, as those of credentials are: such a row is of its system alone. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table spent_token alter column credential_id drop not null`.execute(db)
}
