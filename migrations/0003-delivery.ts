import { type Kysely, sql } from 'kysely'

/** Deliveries that travel together, and signs of life. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const STATEMENTS = [
  // What a delivery is gathered by, and in whose message it travels: the one that leads names itself.
  `alter table delivery add column group_key text`,
  `alter table delivery add column leader_id uuid`,
  // Since when it is tried in vain: a delivery is given up by that, not by the age of its alert.
  `alter table delivery add column tried_at timestamptz`,
  `create index delivery_group on delivery (sink, group_key) where state = 'pending' and leader_id is null`,
  `create index delivery_leader on delivery (leader_id) where leader_id is not null`,

  `create table sink_beat (
    sink text primary key,
    at timestamptz not null
  )`,
]
