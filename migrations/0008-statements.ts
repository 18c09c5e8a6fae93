import { type Kysely, sql } from 'kysely'

/** Events say whose finding they are of, so that the log does; and statements find their pages by an index. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const STATEMENTS = [
  `alter table finding_event add column kind text, add column system_id uuid, add column identity_id uuid, add column credential_id uuid`,
  `update finding_event e set kind = f.kind, system_id = f.system_id, identity_id = f.identity_id, credential_id = f.credential_id
    from finding f where f.id = e.finding_id`,
  `alter table finding_event alter column kind set not null`,

  // The most severe first, then the oldest.
  `create index finding_open_items on finding
    ((array_position(array['critical', 'high', 'medium', 'low', 'info'], severity)), opened_at, id) where state <> 'resolved'`,
]
