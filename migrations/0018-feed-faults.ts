import { type Kysely, sql } from 'kysely'

/** What a source said and nobody could take, by whom it was about: the next good word about somebody else takes none of it back. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const STATEMENTS = [
  `create table feed_fault (
    feed_id uuid not null references feed (id),
    key text not null,
    fault text not null,
    count integer not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    said_at timestamptz not null,
    primary key (feed_id, key)
  )`,
]
