import { type Selectable, sql } from 'kysely'
import type { IdentityKind } from '../domain/identity.ts'
import type { Queryable } from './db.ts'
import type { IdentityTable } from './tables.ts'
import { at } from './told.ts'

export type IdentityRow = Selectable<IdentityTable>

/** An identity as it is written. Instants are RFC 3339 strings. */
export interface IdentityWrite {
  id: string
  external_id: string
  kind: IdentityKind
  name: string
  email: string | null
  owner_external_id: string | null
  terminated_at: string | null
  source: string
}

/** When an identity left or will leave, its row locked against that until the transaction ends; undefined: it is here, or unknown. */
export async function departureOf(tx: Queryable, id: string): Promise<Temporal.Instant | undefined> {
  const row = await tx.selectFrom('identity').select('terminated_at').where('id', '=', id).forShare().executeTakeFirst()
  return row?.terminated_at ?? undefined
}

export async function identityById(db: Queryable, id: string): Promise<IdentityRow | undefined> {
  return db.selectFrom('identity').selectAll().where('id', '=', id).executeTakeFirst()
}

/** The identities of these external ids; unknown ones are missing from the answer. */
export async function findIdentities(db: Queryable, externalIds: readonly string[]): Promise<Map<string, IdentityRow>> {
  return readIdentities(db, externalIds, sql``)
}

/**
 * The same, locked until the transaction ends: `update` for whoever changes them, `share` for whoever relies on their standing.
 * Without it a credential that is added while its identity is being terminated would never fall due.
 */
export async function lockIdentities(
  tx: Queryable,
  externalIds: readonly string[],
  mode: 'update' | 'share',
): Promise<Map<string, IdentityRow>> {
  return readIdentities(tx, externalIds, mode === 'update' ? sql`for update` : sql`for share`)
}

async function readIdentities(db: Queryable, externalIds: readonly string[], lock: ReturnType<typeof sql>) {
  if (externalIds.length === 0) return new Map<string, IdentityRow>()
  const { rows } = await sql<IdentityRow>`
    select * from identity where external_id in (select json_array_elements_text(${JSON.stringify(externalIds)}::json))
    order by external_id ${lock}
  `.execute(db)
  return new Map(rows.map((row) => [row.external_id, row]))
}

/** Adds identities. A unique violation means that another writer was faster: the caller runs its transaction again. */
export async function insertIdentities(tx: Queryable, rows: readonly IdentityWrite[], now: Temporal.Instant): Promise<void> {
  if (rows.length === 0) return
  await sql`
    insert into identity (id, external_id, kind, name, email, owner_external_id, terminated_at, source, created_at, updated_at)
    select id, external_id, kind, name, email, owner_external_id, terminated_at, source, ${now.toString()}::timestamptz,
      ${now.toString()}::timestamptz
    from json_to_recordset(${JSON.stringify(rows)}::json) as r (id uuid, external_id text, kind text, name text, email text,
      owner_external_id text, terminated_at timestamptz, source text)
  `.execute(tx)
}

/** Writes identities that are known, by id. What their credentials owe to a termination is written by `src/store/check-state.ts`. */
export async function updateIdentities(tx: Queryable, rows: readonly IdentityWrite[], now: Temporal.Instant): Promise<void> {
  if (rows.length === 0) return
  await sql`
    update identity i set kind = r.kind, name = r.name, email = r.email, owner_external_id = r.owner_external_id,
      terminated_at = r.terminated_at, source = r.source, updated_at = ${now.toString()}::timestamptz
    from json_to_recordset(${JSON.stringify(rows)}::json) as r (id uuid, kind text, name text, email text,
      owner_external_id text, terminated_at timestamptz, source text)
    where i.id = r.id
  `.execute(tx)
}

/** Who owns a service or an agent, and whether that owner is still there. */
export interface Ownership {
  identityId: string
  externalId: string
  kind: IdentityKind
  ownerExternalId: string | null
  ownerId: string | null
  ownerTerminatedAt: Temporal.Instant | null
  /** It runs on while its owner has left. False for one that is terminated itself, and where the owner is not known. */
  orphaned: boolean
}

/**
 * The services and agents that have these ids, or one of these owners: what has to be looked at after an owner came, went or
 * changed.
 */
export async function ownershipsOf(
  db: Queryable,
  of: { identityIds: readonly string[]; ownerExternalIds: readonly string[] },
  now: Temporal.Instant,
): Promise<Ownership[]> {
  if (of.identityIds.length === 0 && of.ownerExternalIds.length === 0) return []
  return ownerships(
    db,
    now,
    sql`(s.id in (select json_array_elements_text(${JSON.stringify(of.identityIds)}::json)::uuid)
      or s.owner_external_id in (select json_array_elements_text(${JSON.stringify(of.ownerExternalIds)}::json)))`,
  )
}

/**
 * Every service and agent whose owner has left by now, one whose owner's last day was set in advance and has passed included, in
 * the order of their ids after `after`.
 */
export async function listOrphans(
  db: Queryable,
  now: Temporal.Instant,
  page: { after?: string; limit: number },
): Promise<Ownership[]> {
  const past = page.after === undefined ? sql`true` : sql`s.id > ${page.after}::uuid`
  return ownerships(db, now, sql`${orphaned(now)} and ${past}`, sql`limit ${page.limit}`)
}

/**
 * Ownerships that the clock has moved: orphans that no open finding tells of, and those told of that are orphans no more, since they have
 * left themselves, say. In the order of their ids after `after`.
 *
 * @param since left out: all, which reads every leaver; otherwise those who left, or whose owner left, since then, by an index
 */
export async function ownershipsMoved(
  db: Queryable,
  now: Temporal.Instant,
  page: { since?: Temporal.Instant; after?: string; limit: number },
): Promise<Ownership[]> {
  const { since, after, limit } = page
  const left = (of: string) =>
    since === undefined
      ? sql`${sql.ref(`${of}.terminated_at`)} <= ${at(now)}`
      : sql`coalesce(${sql.ref(`${of}.terminated_at`)}, 'infinity') between ${at(since)} and ${at(now)}`
  const others =
    since === undefined
      ? sql`union select f.identity_id from finding f where f.kind = 'orphaned_identity' and f.state <> 'resolved'`
      : sql`union select x.id from identity x where ${left('x')}`
  const isTold = sql`exists (select 1 from finding f where f.key = 'orphan:' || s.id::text and f.state <> 'resolved')`
  return ownerships(
    db,
    now,
    sql`s.id in (select x.id from identity y join identity x on x.owner_external_id = y.external_id where ${left('y')} ${others})
      and ${orphaned(now)} <> ${isTold} and ${after === undefined ? sql`true` : sql`s.id > ${after}::uuid`}`,
    sql`limit ${limit}`,
  )
}

/** Of an identity `s` and its owner `o`. */
function orphaned(now: Temporal.Instant) {
  return sql`(o.terminated_at is not null and o.terminated_at <= ${at(now)} and (s.terminated_at is null or s.terminated_at > ${at(now)}))`
}

async function ownerships(
  db: Queryable,
  now: Temporal.Instant,
  where: ReturnType<typeof sql>,
  limit: ReturnType<typeof sql> = sql``,
): Promise<Ownership[]> {
  const { rows } = await sql<Ownership>`
    select s.id as "identityId", s.external_id as "externalId", s.kind, s.owner_external_id as "ownerExternalId",
      o.id as "ownerId", o.terminated_at as "ownerTerminatedAt",
      ${orphaned(now)} as orphaned
    from identity s left join identity o on o.external_id = s.owner_external_id
    where s.kind in ('service', 'agent') and ${where}
    order by s.id ${limit}
  `.execute(db)
  return rows
}

export interface IdentityFilter {
  /** True: those who have left by now. False: everybody else, those included who will. */
  terminated?: boolean
  /** Only those with a credential that was still accepted when it was last judged. */
  openOnly?: boolean
  externalId?: string
  kind?: IdentityKind
  /** The external id of the last row of the page before. */
  after?: string
  limit: number
}

export interface IdentityListing {
  id: string
  external_id: string
  kind: IdentityKind
  name: string
  email: string | null
  owner_external_id: string | null
  terminated_at: Temporal.Instant | null
  source: string
  /** Credentials that are not retired. */
  credentials: number
  /** Of a leaver: accepted, and not proven rejected since. */
  open: number
  /** Of a leaver: proven dead, as many times in a row as the policy asks, and still judged when it was last tried. */
  dead: number
  /** Of a leaver: neither, so that nobody knows. */
  unproven: number
}

/** Identities in the order of their external ids, each with how its credentials stand. */
export async function listIdentities(db: Queryable, filter: IdentityFilter, now: Temporal.Instant): Promise<IdentityListing[]> {
  const at = sql`${now.toString()}::timestamptz`
  const left = sql`(i.terminated_at is not null and i.terminated_at <= ${at})`
  const open = sql`(c.accepted_at is not null and c.first_rejected_at is null)`
  const dead = sql`(c.dead_at is not null and c.verdict is distinct from 'inconclusive')`
  const wanted = [
    filter.terminated === undefined ? sql`true` : filter.terminated ? left : sql`not ${left}`,
    filter.externalId === undefined ? sql`true` : sql`i.external_id = ${filter.externalId}`,
    filter.kind === undefined ? sql`true` : sql`i.kind = ${filter.kind}`,
    filter.after === undefined ? sql`true` : sql`i.external_id > ${filter.after}`,
    filter.openOnly === true ? sql`n.open > 0` : sql`true`,
  ]
  const { rows } = await sql<IdentityListing>`
    select i.id, i.external_id, i.kind, i.name, i.email, i.owner_external_id, i.terminated_at, i.source,
      n.credentials, n.open, n.dead, n.unproven
    from identity i cross join lateral (
      select count(*)::int as credentials,
        (count(*) filter (where ${left} and ${open}))::int as open,
        (count(*) filter (where ${left} and ${dead}))::int as dead,
        (count(*) filter (where ${left} and not ${dead} and not ${open}))::int as unproven
      from credential k join check_state c on c.credential_id = k.id
      where k.identity_id = i.id and k.retired_at is null
    ) n
    where ${sql.join(wanted, sql` and `)}
    order by i.external_id
    limit ${filter.limit}
  `.execute(db)
  return rows
}
