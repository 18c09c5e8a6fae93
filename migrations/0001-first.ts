import { type Kysely, sql } from 'kysely'

/**
 * The first schema. It keeps to what Postgres 15–18, PGlite and the distributed Postgres systems share: no extensions, no
 * triggers, no generated columns; every large table carries `system_id`, by which it can be distributed.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const STATEMENTS = [
  `create table identity (
    id uuid primary key,
    external_id text not null unique,
    kind text not null check (kind in ('human', 'service', 'agent')),
    name text not null,
    email text,
    owner_external_id text,
    terminated_at timestamptz,
    source text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
  )`,
  `create index identity_owner on identity (owner_external_id) where owner_external_id is not null`,

  `create table system (
    id uuid primary key,
    name text not null unique,
    probe text not null,
    origin text not null,
    bound_origin text not null,
    tier text not null check (tier in ('low', 'standard', 'critical')),
    zone text not null,
    owner text,
    schedule text,
    schedule_due_at timestamptz,
    retired_at timestamptz,
    shards smallint not null default 1,
    hold_until timestamptz,
    hold_reason text,
    breaker_failures integer not null default 0,
    controls jsonb,
    pinned_peer text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
  )`,

  // scope '*' pauses everything, a system's id that system.
  `create table pause (
    scope text primary key,
    paused_at timestamptz not null,
    paused_by text not null,
    note text not null
  )`,

  `create table credential (
    id uuid primary key,
    identity_id uuid not null references identity (id),
    system_id uuid not null references system (id),
    label text not null,
    kind text not null,
    principal text,
    privilege text not null check (privilege in ('standard', 'elevated', 'admin')),
    shared boolean not null default false,
    handover_by timestamptz,
    fingerprint text not null,
    retired_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (system_id, identity_id, label)
  )`,
  `create index credential_identity on credential (identity_id)`,

  `create table data_key (
    id uuid primary key,
    wrapped bytea not null,
    ring_key_id text not null,
    created_at timestamptz not null default now(),
    retired_at timestamptz
  )`,
  `create table secret (
    credential_id uuid primary key references credential (id),
    system_id uuid not null,
    origin text not null,
    sealed bytea,
    data_key_id uuid references data_key (id),
    reference text,
    updated_at timestamptz not null default now(),
    check (num_nonnulls(sealed, reference) <= 1)
  )`,
  `create index secret_data_key on secret (data_key_id) where data_key_id is not null`,

  // What is due and how it stands. Split off from credential since every replay rewrites it.
  `create table check_state (
    credential_id uuid primary key references credential (id),
    system_id uuid not null,
    slot smallint not null,
    due_at timestamptz,
    verify_by timestamptz,
    terminated_at timestamptz,
    verdict text,
    reason text,
    strength text,
    assurance text,
    observed_at timestamptz,
    judged_at timestamptz,
    accepted_at timestamptz,
    confirmed_at timestamptz,
    rejections integer not null default 0,
    first_rejected_at timestamptz,
    dead_at timestamptz,
    attempts integer not null default 0,
    failures integer not null default 0
  ) with (fillfactor = 80)`,
  `create index check_state_due on check_state (system_id, due_at, credential_id) where due_at is not null`,
  `create index check_state_verify on check_state (verify_by) where verify_by is not null`,

  `create table trial (
    id uuid primary key,
    system_id uuid not null,
    shard smallint not null,
    zone text not null,
    instance text not null,
    trace_id text not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    outcome text,
    assurance text,
    accepted integer not null default 0,
    rejected integer not null default 0,
    inconclusive integer not null default 0
  )`,
  `create index trial_system on trial (system_id, started_at)`,

  `create table control (
    id uuid primary key,
    trial_id uuid not null,
    system_id uuid not null,
    credential_id uuid,
    control text not null check (control in ('nobody', 'stranger', 'canary', 'same-principal')),
    observed_at timestamptz not null,
    verdict text not null check (verdict in ('accepted', 'rejected', 'inconclusive')),
    reason text not null,
    strength text not null,
    wire jsonb not null,
    latency_ms real not null,
    transport text not null,
    leaf bytea not null
  )`,
  `create index control_trial on control (trial_id)`,
  `create index control_observed on control (observed_at)`,
  `create index control_credential on control (credential_id, observed_at) where credential_id is not null`,

  `create table observation (
    id uuid not null,
    observed_at timestamptz not null,
    trial_id uuid not null,
    credential_id uuid not null,
    identity_id uuid not null,
    system_id uuid not null,
    verdict text not null,
    reason text not null,
    strength text not null,
    assurance text not null,
    confirmed boolean not null,
    principal text,
    transport text not null,
    effects text,
    wire jsonb not null,
    latency_ms real not null,
    trace_id text not null,
    leaf bytea not null,
    primary key (id, observed_at)
  ) partition by range (observed_at)`,
  `create index observation_credential on observation (credential_id, observed_at)`,

  `create table finding (
    id uuid primary key,
    key text not null unique,
    kind text not null,
    severity text not null,
    state text not null check (state in ('open', 'acknowledged', 'resolved')),
    system_id uuid,
    identity_id uuid,
    credential_id uuid,
    episode integer not null,
    sequence integer not null,
    rejections integer not null default 0,
    opened_at timestamptz not null,
    last_seen_at timestamptz not null,
    alerted_at timestamptz,
    resolved_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    observation_id uuid,
    trial_id uuid,
    trace_id text,
    exempted boolean not null default false
  )`,
  `create index finding_credential on finding (credential_id) where credential_id is not null`,
  `create index finding_system on finding (system_id) where state <> 'resolved'`,
  `create index finding_open on finding (opened_at) where state <> 'resolved'`,

  `create table finding_event (
    id uuid primary key,
    finding_id uuid not null references finding (id),
    sequence integer,
    event text not null,
    at timestamptz not null,
    severity text not null,
    state text not null,
    observation_id uuid,
    trace_id text,
    actor text,
    note text
  )`,
  // Edges are numbered; what operators do in between is not.
  `create unique index finding_event_sequence on finding_event (finding_id, sequence) where sequence is not null`,
  `create index finding_event_at on finding_event (finding_id, at)`,

  `create table exemption (
    id uuid primary key,
    finding_kind text,
    credential_id uuid,
    identity_id uuid,
    system_id uuid,
    owner text not null,
    reason text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    created_at timestamptz not null,
    created_by text not null,
    revoked_at timestamptz,
    check (num_nonnulls(credential_id, identity_id, system_id) >= 1),
    check (ends_at > starts_at)
  )`,

  `create table alert (
    id uuid primary key,
    finding_id uuid not null references finding (id),
    sequence integer not null,
    event text not null,
    severity text not null,
    at timestamptz not null,
    body jsonb not null,
    unique (finding_id, sequence)
  )`,
  `create table delivery (
    id uuid primary key,
    alert_id uuid not null references alert (id),
    sink text not null,
    state text not null check (state in ('pending', 'delivered', 'dead')),
    attempts integer not null default 0,
    created_at timestamptz not null,
    next_at timestamptz,
    finished_at timestamptz,
    detail text,
    unique (alert_id, sink)
  )`,
  `create index delivery_pending on delivery (next_at) where state = 'pending'`,
  `create index delivery_dead on delivery (sink) where state = 'dead'`,

  // Wrong tries of one account over every system of its realm, within one window.
  `create table lockout_budget (
    realm text not null,
    account text not null,
    window_ends_at timestamptz not null,
    tries integer not null,
    locked_until timestamptz,
    primary key (realm, account)
  )`,

  `create table audit (
    id uuid primary key,
    at timestamptz not null,
    actor text not null,
    action text not null,
    subject text not null,
    detail jsonb not null
  )`,
  `create index audit_at on audit (at)`,
]
