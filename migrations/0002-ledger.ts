import { type Kysely, sql } from 'kysely'

/** The ledger: what is logged, the tree over it, its checkpoints, keys and anchors; and what was due and not checked. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const STATEMENTS = [
  // `real` loses thousandths above 16 seconds, and then the digest of the row does not come out again.
  `alter table observation alter column latency_ms type double precision`,
  `alter table control alter column latency_ms type double precision`,

  // Written by whoever records facts, one row a batch, in his own transaction; emptied by the sequencer.
  `create table ledger_outbox (
    id uuid primary key,
    kind text not null,
    leaves integer not null,
    refs uuid[] not null,
    digests bytea[] not null,
    created_at timestamptz not null
  )`,
  `create table ledger_entry (
    index bigint primary key,
    kind text not null,
    ref uuid not null,
    digest bytea not null,
    at timestamptz not null
  )`,
  `create index ledger_entry_ref on ledger_entry (ref)`,
  `create table ledger_tile (
    level smallint not null,
    index bigint not null,
    hashes bytea not null,
    primary key (level, index)
  )`,
  // Hashes do not compress.
  `alter table ledger_tile alter column hashes set storage external`,
  `create table ledger_checkpoint (
    size bigint primary key,
    root bytea not null,
    at timestamptz not null,
    note text not null
  )`,
  `create index ledger_checkpoint_at on ledger_checkpoint (at)`,
  `create table ledger_key (
    id uuid primary key,
    vkey text not null unique,
    previous text,
    created_at timestamptz not null
  )`,
  `create table ledger_anchor (
    id uuid primary key,
    anchor text not null,
    kind text not null,
    size bigint not null,
    at timestamptz not null,
    ok boolean not null,
    stated_at timestamptz,
    proof bytea,
    detail text
  )`,
  `create index ledger_anchor_size on ledger_anchor (size)`,
  // One try of an anchor at a time: the row of a failed one is taken again.
  `create unique index ledger_anchor_try on ledger_anchor (anchor) where not ok`,

  `create table gap (
    id uuid primary key,
    system_id uuid not null,
    reason text not null,
    from_at timestamptz not null,
    seen_at timestamptz not null,
    to_at timestamptz,
    credentials_at_start integer not null,
    credentials integer not null
  )`,
  `create unique index gap_open on gap (system_id) where to_at is null`,
  `create index gap_from on gap (from_at)`,
  `create table heartbeat (
    instance text primary key,
    zones text[] not null,
    started_at timestamptz not null,
    at timestamptz not null
  )`,
]
