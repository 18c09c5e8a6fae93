import { type Kysely, sql } from 'kysely'

/** Indexes by which the lists of the API find a page without reading the whole table. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

const RANK = `(array_position(array['info', 'low', 'medium', 'high', 'critical'], severity))`

const STATEMENTS = [
  // "C": the order of bytes, the same on every machine, and the one in which beginnings can be looked up.
  `create index identity_name on identity ((lower(name) collate "C"), id)`,
  `create index identity_not_human on identity ((lower(name) collate "C"), id) where kind <> 'human'`,
  `create index identity_external_begins on identity ((lower(external_id) collate "C"))`,
  `create index identity_email_begins on identity ((lower(email) collate "C")) where email is not null`,
  // Whoever has not left counts as the last to leave.
  `create index identity_left on identity ((coalesce(terminated_at, 'infinity')), id)`,

  `create index credential_system on credential (system_id, id)`,
  `create index credential_retired on credential (id) where retired_at is not null`,

  // Few rows are in these two, so that the replays of the others do not pay for them.
  `create index check_state_open on check_state (credential_id) where accepted_at is not null and first_rejected_at is null`,
  `create index check_state_loose on check_state (credential_id)
    where due_at is not null and (verdict is null or verdict <> 'rejected' or dead_at is null)`,

  `create index finding_identity on finding (identity_id) where identity_id is not null`,
  `create index finding_severity on finding (${RANK}, opened_at, id)`,
  `create index finding_unresolved on finding (${RANK}, opened_at, id) where state <> 'resolved'`,
  `create index finding_opened on finding (opened_at, id)`,

  `create index trial_started on trial (started_at, id)`,
  `create index trial_outcome on trial (outcome, started_at, id)`,
  `create index exemption_created on exemption (created_at, id)`,
  `create index exemption_ends on exemption (ends_at, id)`,

  `create index alert_at on alert (at, id)`,
  `create index delivery_created on delivery (created_at, id)`,
  `create index delivery_sink on delivery (sink, created_at, id)`,
  `create index delivery_finished on delivery (sink, finished_at) where state = 'delivered'`,

  `create index audit_place on audit (at, id)`,
  `create index audit_actor on audit (actor, at, id)`,
  `create index audit_action on audit (action, at, id)`,
  `create index audit_subject on audit (subject, at, id)`,
]
