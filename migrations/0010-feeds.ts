import { type Kysely, sql } from 'kysely'

/** Feeds: sources that tell by themselves who is here and who has left, what each said of whom, and what waits for a person. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const STATEMENTS = [
  `create table feed (
    id uuid primary key,
    name text not null unique,
    kind text not null,
    silent_after_ms bigint not null,
    heard_at timestamptz,
    pulled_at timestamptz,
    fault text,
    fault_at timestamptz,
    position jsonb,
    retired_at timestamptz,
    created_at timestamptz not null
  )`,
  // One row per subject of a feed: its stable id there, and who that is here.
  `create table feed_subject (
    feed_id uuid not null references feed (id),
    key text not null,
    identity_id uuid not null references identity (id),
    standing text not null,
    terminated_at timestamptz,
    said_at timestamptz not null,
    created_at timestamptz not null,
    primary key (feed_id, key)
  )`,
  `create index feed_subject_identity on feed_subject (identity_id)`,
  `create table feed_statement (
    id uuid primary key,
    feed_id uuid not null references feed (id),
    key text not null,
    identity_id uuid references identity (id),
    says text not null,
    effective_at timestamptz,
    said jsonb not null,
    state text not null,
    reason text,
    delivery_id uuid not null,
    at timestamptz not null,
    decided_at timestamptz,
    decided_by text
  )`,
  `create index feed_statement_at on feed_statement (feed_id, at)`,
  // What a person is asked, or has answered and the feed has not taken back.
  `create index feed_statement_open on feed_statement (feed_id, key) where state in ('held', 'dismissed')`,
  `create index feed_statement_delivery on feed_statement (delivery_id)`,
  `create index feed_statement_place on feed_statement (at, id)`,
  // What a SCIM client keeps here: it reads back what it wrote.
  `create table scim_resource (
    id uuid primary key,
    feed_id uuid not null references feed (id),
    type text not null,
    user_name text,
    external_id text,
    data jsonb not null,
    version integer not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
  )`,
  // Names are compared without case (RFC 7643 §4.1.1), as bytes of what lower() makes of them.
  `create unique index scim_resource_name on scim_resource (feed_id, type, lower(user_name)) where user_name is not null`,
  `create index scim_resource_external on scim_resource (feed_id, type, external_id)`,
  `create index scim_resource_place on scim_resource (feed_id, type, created_at, id)`,
  // Events that came once must not count twice.
  `create table feed_event (
    feed_id uuid not null references feed (id),
    key text not null,
    at timestamptz not null,
    primary key (feed_id, key)
  )`,
  `create index feed_event_at on feed_event (at)`,
  `alter table identity add column suspended_at timestamptz`,
  // What a finding of a feed, and one of a grant, is about.
  `alter table finding add column feed_id uuid references feed (id), add column grant_id uuid`,
  `alter table finding_event add column feed_id uuid, add column grant_id uuid`,
  `create index finding_feed on finding (feed_id) where feed_id is not null`,
  `create index finding_grant on finding (grant_id) where grant_id is not null`,
]
