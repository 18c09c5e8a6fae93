import { type Kysely, sql } from 'kysely'

/** Credentials of one secret and many holders, the rotation of its value, and agreed handovers. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const STATEMENTS = [
  `create table handover (
    id uuid primary key,
    leaver_id uuid not null references identity (id),
    receiver_id uuid not null references identity (id),
    by_at timestamptz not null,
    note text,
    created_at timestamptz not null,
    created_by text not null,
    cancelled_at timestamptz,
    cancelled_by text
  )`,
  // One agreement between two at a time: another date changes it.
  `create unique index handover_open on handover (leaver_id, receiver_id) where cancelled_at is null`,
  `create index handover_receiver on handover (receiver_id)`,
  `create index handover_place on handover (created_at, id)`,
  `alter table credential add column handover_id uuid references handover (id), add column share_id uuid,
    add column rotated_at timestamptz`,
  `create index credential_handover on credential (handover_id) where handover_id is not null`,
  `create index credential_share on credential (share_id) where share_id is not null`,
]
