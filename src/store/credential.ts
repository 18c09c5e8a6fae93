import { sql } from 'kysely'
import type { Privilege, RetiredReason } from '../domain/credential.ts'
import { slotOf } from '../domain/id.ts'
import type { Reason } from '../domain/reason.ts'
import type { Assurance, Verdict } from '../domain/verdict.ts'
import type { CheckStart } from './check-state.ts'
import type { Queryable } from './db.ts'

/** What names a credential from outside: the same three always mean the same row. */
export interface CredentialKey {
  systemId: string
  identityId: string
  label: string
}

/** A known credential, with where its secret was sealed for. */
export interface KnownCredential extends CredentialKey {
  id: string
  kind: string
  principal: string | null
  privilege: Privilege
  shared: boolean
  handoverBy: Temporal.Instant | null
  fingerprint: string
  retiredAt: Temporal.Instant | null
  retiredReason: RetiredReason | null
  shareId: string | null
  origin: string
  secret: 'sealed' | 'reference' | 'none'
}

/** The credentials of these keys; unknown ones are missing from the answer. */
export async function findCredentials(db: Queryable, keys: readonly CredentialKey[]): Promise<KnownCredential[]> {
  return readCredentials(db, keys, sql``)
}

/** The same, locked until the transaction ends. */
export async function lockCredentials(tx: Queryable, keys: readonly CredentialKey[]): Promise<KnownCredential[]> {
  return readCredentials(tx, keys, sql`for update of k, s`)
}

async function readCredentials(db: Queryable, keys: readonly CredentialKey[], lock: ReturnType<typeof sql>) {
  if (keys.length === 0) return []
  const { rows } = await sql<KnownCredential>`
    select k.id, k.system_id as "systemId", k.identity_id as "identityId", k.label, k.kind, k.principal, k.privilege, k.shared,
      k.handover_by as "handoverBy", k.fingerprint, k.retired_at as "retiredAt", k.retired_reason as "retiredReason",
      k.share_id as "shareId", s.origin,
      case when s.sealed is not null then 'sealed' when s.reference is not null then 'reference' else 'none' end as secret
    from json_to_recordset(${JSON.stringify(keys)}::json) as r ("systemId" uuid, "identityId" uuid, label text)
    join credential k on k.system_id = r."systemId" and k.identity_id = r."identityId" and k.label = r.label
    join secret s on s.credential_id = k.id
    order by k.id ${lock}
  `.execute(db)
  return rows
}

/** What may change of a credential. Instants are RFC 3339 strings. */
export interface CredentialWrite {
  id: string
  kind: string
  principal: string | null
  privilege: Privilege
  shared: boolean
  handover_by: string | null
  fingerprint: string
  /** Of all who hold the same secret; null: nobody else does. */
  share_id: string | null
}

/** A secret as it is kept: `sealed` in base64, or a reference. */
export interface SecretWrite {
  credential_id: string
  system_id: string
  origin: string
  sealed: string | null
  data_key_id: string | null
  reference: string | null
  /** In base64. */
  reference_mac: string | null
  /** Both RFC 3339; null and left out mean the same. `SecretDates` of src/custody/expiry.ts. */
  expires_at?: string | null
  cloud_key_since?: string | null
}

export interface NewCredential extends CredentialWrite, CredentialKey {
  secret: SecretWrite
  check: CheckStart
}

/** Adds credentials with their secrets and checks. A unique violation means that another writer was faster: run it again. */
export async function insertCredentials(tx: Queryable, rows: readonly NewCredential[], now: Temporal.Instant): Promise<void> {
  if (rows.length === 0) return
  const at = sql`${now.toString()}::timestamptz`
  const credentials = rows.map(({ secret: _secret, check: _check, ...row }) => row)
  await sql`
    insert into credential (id, identity_id, system_id, label, kind, principal, privilege, shared, handover_by, fingerprint,
      share_id, created_at, updated_at)
    select id, "identityId", "systemId", label, kind, principal, privilege, shared, handover_by, fingerprint, share_id, ${at}, ${at}
    from json_to_recordset(${JSON.stringify(credentials)}::json) as r (id uuid, "identityId" uuid, "systemId" uuid, label text,
      kind text, principal text, privilege text, shared boolean, handover_by timestamptz, fingerprint text, share_id uuid)
  `.execute(tx)
  const secrets = rows.map((row) => row.secret)
  await putSecrets(tx, secrets, now)
  const checks = rows.map((row) => ({ ...row.check, system_id: row.systemId, slot: slotOf(row.id) }))
  await sql`
    insert into check_state (credential_id, system_id, slot, terminated_at, due_at, verify_by)
    select credential_id, system_id, slot, terminated_at, due_at, verify_by
    from json_to_recordset(${JSON.stringify(checks)}::json) as r (credential_id uuid, system_id uuid, slot smallint,
      terminated_at timestamptz, due_at timestamptz, verify_by timestamptz)
  `.execute(tx)
}

/** Writes what changed of known credentials; each is in use afterwards. */
export async function updateCredentials(tx: Queryable, rows: readonly CredentialWrite[], now: Temporal.Instant): Promise<void> {
  if (rows.length === 0) return
  await sql`
    update credential k set kind = r.kind, principal = r.principal, privilege = r.privilege, shared = r.shared,
      handover_by = r.handover_by, handover_id = case when k.handover_by is not distinct from r.handover_by then k.handover_id end,
      share_id = r.share_id, fingerprint = r.fingerprint, retired_at = null, retired_reason = null, updated_at = ${now.toString()}::timestamptz
    from json_to_recordset(${JSON.stringify(rows)}::json) as r (id uuid, kind text, principal text, privilege text,
      shared boolean, handover_by timestamptz, fingerprint text, share_id uuid)
    where k.id = r.id
  `.execute(tx)
}

/** Keeps secrets; what was kept before is overwritten. */
export async function putSecrets(tx: Queryable, rows: readonly SecretWrite[], now: Temporal.Instant): Promise<void> {
  if (rows.length === 0) return
  await sql`
    insert into secret (credential_id, system_id, origin, sealed, data_key_id, reference, reference_mac, expires_at, cloud_key_since,
      updated_at)
    select credential_id, system_id, origin, decode(sealed, 'base64'), data_key_id, reference, decode(reference_mac, 'base64'),
      expires_at, cloud_key_since, ${now.toString()}::timestamptz
    from json_to_recordset(${JSON.stringify(rows)}::json) as r (credential_id uuid, system_id uuid, origin text, sealed text,
      data_key_id uuid, reference text, reference_mac text, expires_at timestamptz, cloud_key_since timestamptz)
    on conflict (credential_id) do update set origin = excluded.origin, sealed = excluded.sealed,
      data_key_id = excluded.data_key_id, reference = excluded.reference, reference_mac = excluded.reference_mac, pinned = null,
      expires_at = excluded.expires_at, cloud_key_since = excluded.cloud_key_since, updated_at = excluded.updated_at
  `.execute(tx)
}

/** Retires credentials: their secrets are forgotten, nothing is replayed any more. Answers how many were in use until now. */
export async function retireCredentials(
  tx: Queryable,
  ids: readonly string[],
  now: Temporal.Instant,
  reason: RetiredReason = 'operator',
): Promise<number> {
  if (ids.length === 0) return 0
  const at = sql`${now.toString()}::timestamptz`
  const these = sql`(select json_array_elements_text(${JSON.stringify(ids)}::json)::uuid)`
  const retired = await sql`
    update credential set retired_at = ${at}, retired_reason = ${reason}, updated_at = ${at} where id in ${these} and retired_at is null
  `.execute(tx)
  await sql`
    update secret set sealed = null, data_key_id = null, reference = null, reference_mac = null, pinned = null, updated_at = ${at} where credential_id in ${these}
  `.execute(tx)
  await sql`
    update check_state set due_at = null, verify_by = null, terminated_at = null where credential_id in ${these}
  `.execute(tx)
  return Number(retired.numAffectedRows ?? 0n)
}

export interface CredentialFilter {
  id?: string
  system?: string
  /** The identity's external id. */
  identity?: string
  /** `open`: accepted and not proven rejected since. `dead`: proven, and still judged when it was last tried. `unproven`: neither. Of those that are checked. */
  standing?: 'open' | 'dead' | 'unproven'
  /** Retired ones are left out unless they are asked for. */
  retired?: boolean
  /** The id of the last row of the page before. */
  after?: string
  limit: number
}

export interface CredentialListing {
  id: string
  external_id: string
  identity: string
  system: string
  label: string
  kind: string
  principal: string | null
  privilege: Privilege
  shared: boolean
  handover_by: Temporal.Instant | null
  fingerprint: string
  secret: 'sealed' | 'reference' | 'none'
  retired_at: Temporal.Instant | null
  retired_reason: RetiredReason | null
  terminated_at: Temporal.Instant | null
  due_at: Temporal.Instant | null
  verdict: Verdict | null
  reason: Reason | null
  assurance: Assurance | null
  observed_at: Temporal.Instant | null
  accepted_at: Temporal.Instant | null
  first_rejected_at: Temporal.Instant | null
  dead_at: Temporal.Instant | null
  attempts: number
  /** From the termination to the first proven rejection that no acceptance followed, in milliseconds. */
  latency_ms: number | null
}

/** Credentials in the order of their ids, the oldest first, with how each stands. */
export async function listCredentials(db: Queryable, filter: CredentialFilter): Promise<CredentialListing[]> {
  const open = sql`(c.accepted_at is not null and c.first_rejected_at is null)`
  const dead = sql`(c.dead_at is not null and c.verdict is distinct from 'inconclusive')`
  const standings = {
    open: sql`c.due_at is not null and ${open}`,
    dead: sql`c.due_at is not null and ${dead}`,
    unproven: sql`c.due_at is not null and not ${dead} and not ${open}`,
  }
  const wanted = [
    filter.retired === true ? sql`k.retired_at is not null` : filter.id === undefined ? sql`k.retired_at is null` : sql`true`,
    filter.id === undefined ? sql`true` : sql`k.id = ${filter.id}::uuid`,
    filter.system === undefined ? sql`true` : sql`s.name = ${filter.system}`,
    filter.identity === undefined ? sql`true` : sql`i.external_id = ${filter.identity}`,
    filter.standing === undefined ? sql`true` : standings[filter.standing],
    filter.after === undefined ? sql`true` : sql`k.id > ${filter.after}::uuid`,
  ]
  const { rows } = await sql<CredentialListing>`
    select k.id, i.external_id, i.name as identity, s.name as system, k.label, k.kind, k.principal, k.privilege, k.shared,
      k.handover_by, k.fingerprint, k.retired_at, k.retired_reason, c.terminated_at, c.due_at, c.verdict, c.reason, c.assurance, c.observed_at,
      c.accepted_at, c.first_rejected_at, c.dead_at, c.attempts,
      case when x.sealed is not null then 'sealed' when x.reference is not null then 'reference' else 'none' end as secret,
      (extract(epoch from c.first_rejected_at - c.terminated_at) * 1000)::double precision as latency_ms
    from credential k
    join identity i on i.id = k.identity_id
    join system s on s.id = k.system_id
    join check_state c on c.credential_id = k.id
    join secret x on x.credential_id = k.id
    where ${sql.join(wanted, sql` and `)}
    order by k.id
    limit ${filter.limit}
  `.execute(db)
  return rows
}
