import { type Kysely, sql } from 'kysely'

/** Who looks at what: the audit has one row an hour, this table counts the looks between two of them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table look (
    actor text not null,
    action text not null,
    subject text not null,
    hour timestamptz not null,
    repeats integer not null,
    primary key (actor, action, subject)
  )`.execute(db)
  // Findings that changed since a time are asked for by tools that poll.
  await sql`create index finding_event_since on finding_event (at)`.execute(db)
}
