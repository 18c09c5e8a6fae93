import { sql } from 'kysely'
import type { RetiredReason } from '../domain/credential.ts'
import type { RevokeWithin } from '../domain/policy.ts'
import type { Standing } from '../domain/standing.ts'
import type { Queryable } from './db.ts'
import { at, type Deadline, deadlineOf, type IdentityRef, identityRef, standingOf, told } from './told.ts'

/** A credential of somebody who holds a secret, perhaps with others. */
export interface Member {
  id: string
  systemId: string
  label: string
  externalId: string
  terminatedAt: Temporal.Instant | null
  fingerprint: string
  /** Null: he holds it alone. */
  shareId: string | null
}

/** Everybody who shares a credential of these keys; of `listed` ones whoever holds it alone, too. */
export async function membersOf(
  db: Queryable,
  keys: readonly { systemId: string; externalId: string; label: string; listed: boolean }[],
): Promise<Member[]> {
  if (keys.length === 0) return []
  const { rows } = await sql<Member>`
    with named as (
      select k.id, k.share_id, r.listed
      from json_to_recordset(${JSON.stringify(keys)}::json) as r ("systemId" uuid, "externalId" text, label text, listed boolean)
      join identity i on i.external_id = r."externalId"
      join credential k on k.system_id = r."systemId" and k.identity_id = i.id and k.label = r.label
    )
    select k.id, k.system_id as "systemId", k.label, i.external_id as "externalId", i.terminated_at as "terminatedAt", k.fingerprint,
      k.share_id as "shareId"
    from credential k join identity i on i.id = k.identity_id
    where k.id in (
      select id from named where listed union
      select o.id from credential o where o.share_id in (select share_id from named where share_id is not null)
    ) order by k.id
  `.execute(db)
  return rows
}

/** The value of a shared secret, by its fingerprint. */
export interface RegisteredValue {
  shareId: string
  fingerprint: string
}

/** Has credentials that are left as they are share with others. */
export async function joinShares(tx: Queryable, joins: readonly { id: string; shareId: string }[]): Promise<void> {
  if (joins.length === 0) return
  await sql`
    update credential k set share_id = r."shareId", shared = true
    from json_to_recordset(${JSON.stringify(joins)}::json) as r (id uuid, "shareId" uuid) where k.id = r.id
  `.execute(tx)
}

/** Marks the other values of shares: whoever still holds one must be refused with it. One that is registered again is marked no more. */
export async function markRotated(tx: Queryable, values: readonly RegisteredValue[], now: Temporal.Instant): Promise<void> {
  if (values.length === 0) return
  await sql`
    update credential k set rotated_at = case when k.fingerprint = r.fingerprint then null else ${at(now)} end
    from json_to_recordset(${JSON.stringify(values)}::json) as r ("shareId" uuid, fingerprint text)
    where k.share_id = r."shareId" and k.retired_at is null and (k.fingerprint = r.fingerprint) = (k.rotated_at is not null)
  `.execute(tx)
}

export interface ToldHolder {
  credentialId: string
  identity: IdentityRef
  since: string
  /** False: another value was registered for the others since. */
  current: boolean
  retiredAt: string | null
  /** Why; null: it is on the list, or went off before reasons were kept. */
  retiredReason: RetiredReason | null
  /** When another value was registered for the others. */
  rotatedAt: string | null
  standing: Standing
  /** By when the value that a leaver knows must be refused; null: the holder is here, or off the list. */
  deadline: Deadline | null
}

/** Everybody who holds the secret of a credential, by name; nobody where it is not shared. */
export async function holdersOf(
  db: Queryable,
  credentialId: string,
  limit: number,
  { within, now }: { within: RevokeWithin; now: Temporal.Instant },
): Promise<ToldHolder[]> {
  const { rows } = await sql<ToldHolder>`
    select k.id as "credentialId", ${identityRef('i')} as identity, ${told(sql`k.created_at`)} as since,
      k.rotated_at is null and k.retired_at is null as current, ${told(sql`k.retired_at`)} as "retiredAt",
      k.retired_reason as "retiredReason",
      ${told(sql`k.rotated_at`)} as "rotatedAt", ${standingOf(now)} as standing, ${deadlineOf(within, now)} as deadline
    from credential k join identity i on i.id = k.identity_id join check_state c on c.credential_id = k.id
    join system s on s.id = k.system_id
    where k.share_id = (select share_id from credential where id = ${credentialId}::uuid)
    order by i.name, i.id limit ${limit}
  `.execute(db)
  return rows
}
