import { type Kysely, sql } from 'kysely'

/** The inventory of grants: what administrators' lists show of those who left, each look at one of them, and whose turn it is. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const STATEMENTS = [
  `create table listing (
    id uuid primary key,
    system_id uuid not null references system (id),
    identity_id uuid not null references identity (id),
    inventory text not null,
    at timestamptz not null,
    outcome text not null,
    reason text,
    known boolean,
    listed integer not null,
    parts jsonb not null,
    assurance text not null,
    trace_id text not null
  )`,
  `create index listing_of on listing (system_id, identity_id, at desc)`,
  `create index listing_identity on listing (identity_id)`,
  `create index listing_place on listing (at, id)`,
  `create table standing_grant (
    id uuid primary key,
    system_id uuid not null references system (id),
    identity_id uuid not null references identity (id),
    inventory text not null,
    list text not null,
    kind text not null,
    key text not null,
    title text not null,
    detail jsonb not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    missed integer not null default 0,
    gone_at timestamptz,
    listing_id uuid not null
  )`,
  `create unique index standing_grant_key on standing_grant (system_id, identity_id, list, key)`,
  `create index standing_grant_identity on standing_grant (identity_id)`,
  `create index standing_grant_place on standing_grant (last_seen_at, id)`,
  // Whose turn it is to ask a system, and until when.
  `create table listing_turn (
    system_id uuid primary key references system (id),
    leased_until timestamptz,
    asked_at timestamptz,
    fault text,
    fault_at timestamptz
  )`,
]
