import { type Kysely, sql } from 'kysely'

/** References are sealed like secrets, and what they hold may not change unseen. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table secret add column reference_mac bytea`.execute(db)
  await sql`alter table secret add column pinned text`.execute(db)
}
