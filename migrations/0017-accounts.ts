import { type Kysely, sql } from 'kysely'

/** Grants remember whose they are: of which account of somebody. Empty: listed before that was kept. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const STATEMENTS = [
  `alter table standing_grant add column account text not null default ''`,
  `drop index standing_grant_key`,
  `create unique index standing_grant_key on standing_grant (system_id, identity_id, list, key, account)`,
]
