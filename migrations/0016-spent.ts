import { type Kysely, sql } from 'kysely'

/**
 * A token is spent once, whichever system has it: from here on fingerprints are of the token alone. Those from before are of one system's
 * and stay what they are. What a target says of its server and an answer has disproved is remembered.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const STATEMENTS = [
  `alter table spent_token drop constraint spent_token_pkey, add primary key (fingerprint), alter column sent_at drop not null,
    add column refused text[] not null default '{}'`,
  `alter table system add column disproved text[] not null default '{}'`,
]
