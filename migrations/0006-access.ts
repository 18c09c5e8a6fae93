import { type Kysely, sql } from 'kysely'

/** Who is signed in to Revenant itself, and with which tokens; answers to POSTs that may come twice. Secrets are stored as digests only. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const ROLES = `check (role in ('viewer', 'auditor', 'operator', 'admin'))`

const STATEMENTS = [
  // bearers: the e-mail addresses and external ids of whoever it belongs to; once one of them has left, it opens nothing.
  `create table session (
    id uuid primary key,
    digest bytea not null unique,
    actor text not null,
    role text not null ${ROLES},
    via text not null check (via in ('link', 'oidc')),
    bearers text[] not null,
    address text,
    agent text,
    created_at timestamptz not null,
    seen_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_by text
  )`,
  `create index session_expiry on session (expires_at)`,

  `create table api_token (
    id uuid primary key,
    digest bytea not null unique,
    name text not null,
    role text not null ${ROLES},
    owner text,
    bearers text[] not null,
    created_at timestamptz not null,
    created_by text not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    ended_at timestamptz,
    ended_by text
  )`,
  // The audit calls a token by its name: two that live have not the same.
  `create unique index api_token_name on api_token (name) where ended_at is null`,

  `create table sign_in_link (
    id uuid primary key,
    digest bytea not null unique,
    role text not null ${ROLES},
    email text,
    created_at timestamptz not null,
    created_by text not null,
    expires_at timestamptz not null,
    used_at timestamptz
  )`,

  `create table idempotency (
    actor text not null,
    key text not null,
    digest bytea,
    status smallint,
    headers jsonb,
    body text,
    created_at timestamptz not null,
    primary key (actor, key)
  )`,
  `create index idempotency_age on idempotency (created_at)`,

  // Each request asks whether the address it comes under belongs to somebody who has left.
  `create index identity_email on identity (lower(email)) where email is not null`,
]
