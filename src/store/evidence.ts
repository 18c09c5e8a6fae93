import { type RawBuilder, type Selectable, sql } from 'kysely'
import type { ObservationFields } from '../domain/facts/observation.ts'
import type { FindingKind } from '../domain/finding.ts'
import type { LedgerKind } from '../domain/ledger.ts'
import type { Queryable } from './db.ts'
import { covering } from './evidence-rules.ts'
import type { Tables } from './tables.ts'

/** Entries of one stretch of the log. */
export interface LogStretch {
  first: number
  /** Not included. */
  end: number
}

/** The stretch of the log that was sequenced in [from, to): stretches of neighbouring periods meet, and leave nothing out. */
export async function logStretch(db: Queryable, from: Temporal.Instant, to: Temporal.Instant): Promise<LogStretch> {
  const [first, end] = [await sizeBefore(db, from), await sizeBefore(db, to)]
  return { first, end: Math.max(first, end) }
}

/**
 * How many entries the log had before an instant. Entries have no index by time: the checkpoints around it tell where to look, and
 * since times rise with the index the place is found by halving.
 */
async function sizeBefore(db: Queryable, at: Temporal.Instant): Promise<number> {
  const instant = sql`${at.toString()}::timestamptz`
  const around = await sql<{ low: number; high: number }>`
    select coalesce((select max(size) from ledger_checkpoint where at < ${instant}), 0)::float8 as low,
      coalesce((select min(size) from ledger_checkpoint where at >= ${instant}), (select max(size) from ledger_checkpoint), 0)::float8 as high
  `.execute(db)
  let { low = 0, high = 0 } = around.rows[0] ?? {}
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const { rows } = await sql<{
      before: boolean
    }>`select at < ${instant} as before from ledger_entry where index = ${middle}::bigint`.execute(db)
    if (rows[0]?.before === true) low = middle + 1
    else high = middle
  }
  return low
}

export interface LoggedEntry {
  index: number
  kind: LedgerKind
  ref: string
  /** Hex. */
  digest: string
}

/** A page of the log, in order, from index `from` to before `end`. */
export async function loggedEntries(db: Queryable, from: number, end: number, limit: number): Promise<LoggedEntry[]> {
  // One JSON text instead of hundreds of rows: what the driver makes of each row would be most of the memory that a bundle takes.
  const { rows } = await sql<{ page: LoggedEntry[] | null }>`
    select json_agg(json_build_object('index', index, 'kind', kind, 'ref', ref, 'digest', encode(digest, 'hex')) order by index) as page
    from (
      select * from ledger_entry where index >= ${from}::bigint and index < ${end}::bigint order by index limit ${limit}
    ) e
  `.execute(db)
  return rows[0]?.page ?? []
}

/** What entries are chosen by. Ids of rows; undefined chooses everything. */
export interface EvidenceFilter {
  identityId?: string
  systemId?: string
  findingKinds?: readonly FindingKind[]
  /** What operators may have called the identity or the system. */
  subjects?: readonly string[]
}

type Rows<Table extends keyof Tables> = Promise<Selectable<Tables[Table]>[]>

export type StoredObservation = ObservationFields & { observed_ms: number }

/**
 * The observations of these ids. They are looked for in the months that their ids (UUIDv7) come from, so that one page touches one
 * partition; what is not there, in all others.
 */
export async function observationsOf(
  db: Queryable,
  ids: readonly string[],
  filter: EvidenceFilter,
): Promise<StoredObservation[]> {
  const times = ids.map((id) => Number.parseInt(id.replace('-', '').slice(0, 12), 16))
  const [from, to] = [Math.min(...times) - DAY_MS, Math.max(...times) + DAY_MS]
  const near = await observationsWhere(
    db,
    ids,
    filter,
    sql`observed_at >= to_timestamp(${from / 1000}::float8) and observed_at < to_timestamp(${to / 1000}::float8)`,
  )
  if (near.length === ids.length || isFiltered(filter)) return near
  const found = new Set(near.map(({ id }) => id))
  const missing = ids.filter((id) => !found.has(id))
  return [...near, ...(await observationsWhere(db, missing, filter, sql`true`))]
}

async function observationsWhere(
  db: Queryable,
  ids: readonly string[],
  filter: EvidenceFilter,
  near: RawBuilder<unknown>,
): Promise<StoredObservation[]> {
  const { rows } = await sql<{ page: StoredObservation[] | null }>`
    select json_agg(t) as page from (
      select id, floor(extract(epoch from observed_at) * 1000)::bigint as observed_ms, trial_id, credential_id, identity_id, system_id,
        verdict, reason, strength, assurance, confirmed, principal, transport, effects, wire, latency_ms, trace_id
      from observation where id in ${listed(ids)} and ${near} and ${ofIdentity(filter)} and ${ofSystem(filter)}
    ) t
  `.execute(db)
  return rows[0]?.page ?? []
}

const DAY_MS = 86_400_000

export function isFiltered({ identityId, systemId, findingKinds }: EvidenceFilter): boolean {
  return identityId !== undefined || systemId !== undefined || findingKinds !== undefined
}

/** Of an identity: the decoys that confirmed its acceptances, and all others of the systems at which it held something. */
export async function controlsOf(db: Queryable, ids: readonly string[], filter: EvidenceFilter): Rows<'control'> {
  const mine = sql<boolean>`(case when credential_id is null then system_id in (select system_id from credential where identity_id = ${filter.identityId ?? null}::uuid)
    else credential_id in (select id from credential where identity_id = ${filter.identityId ?? null}::uuid) end)`
  return db
    .selectFrom('control')
    .selectAll()
    .where('id', 'in', listed(ids))
    .where(filter.identityId === undefined ? sql<boolean>`true` : mine)
    .where(ofSystem(filter))
    .execute()
}

export async function trialsOf(db: Queryable, ids: readonly string[], filter: EvidenceFilter): Rows<'trial'> {
  return db
    .selectFrom('trial')
    .selectAll()
    .where('id', 'in', listed(ids))
    .where(atSystems(filter))
    .where(ofSystem(filter))
    .execute()
}

export async function listingsOf(db: Queryable, ids: readonly string[], filter: EvidenceFilter): Rows<'listing'> {
  return db
    .selectFrom('listing')
    .selectAll()
    .where('id', 'in', listed(ids))
    .where(ofIdentity(filter))
    .where(ofSystem(filter))
    .execute()
}

export async function findingEventsOf(db: Queryable, ids: readonly string[], filter: EvidenceFilter): Rows<'finding_event'> {
  // Of its kind then or now: the whole history of a finding stays together.
  const chosen = sql`(select json_array_elements_text(${JSON.stringify(filter.findingKinds ?? [])}::json))`
  const kinds =
    filter.findingKinds === undefined
      ? sql<boolean>`true`
      : sql<boolean>`(kind in ${chosen} or finding_id in (select id from finding where kind in ${chosen}))`
  return db
    .selectFrom('finding_event')
    .selectAll()
    .where('id', 'in', listed(ids))
    .where(ofIdentity(filter))
    .where(ofSystem(filter))
    .where(kinds)
    .execute()
}

export async function exemptionsOf(db: Queryable, ids: readonly string[], filter: EvidenceFilter): Rows<'exemption'> {
  const { identityId, systemId } = filter
  return db
    .selectFrom('exemption as e')
    .selectAll()
    .where('id', 'in', listed(ids))
    .where(
      covering({
        identityId: identityId === undefined ? undefined : sql`${identityId}::uuid`,
        systemId: systemId === undefined ? undefined : sql`${systemId}::uuid`,
      }),
    )
    .execute()
}

export async function auditsOf(db: Queryable, ids: readonly string[], filter: EvidenceFilter): Rows<'audit'> {
  const named = sql<boolean>`(subject in (select json_array_elements_text(${JSON.stringify(filter.subjects ?? [])}::json))
    or subject in (select id::text from finding where ${ofIdentity(filter)} and ${ofSystem(filter)}))`
  const every = filter.identityId === undefined && filter.systemId === undefined
  return db
    .selectFrom('audit')
    .selectAll()
    .where('id', 'in', listed(ids))
    .where(every ? sql<boolean>`true` : named)
    .execute()
}

export async function gapsOf(db: Queryable, ids: readonly string[], filter: EvidenceFilter): Rows<'gap'> {
  return db
    .selectFrom('gap')
    .selectAll()
    .where('id', 'in', listed(ids))
    .where(atSystems(filter))
    .where(ofSystem(filter))
    .execute()
}

export async function ledgerKeysOf(db: Queryable, ids: readonly string[]): Rows<'ledger_key'> {
  return db.selectFrom('ledger_key').selectAll().where('id', 'in', listed(ids)).execute()
}

/** Every key of the ledger, oldest first. */
export async function ledgerVkeys(db: Queryable): Promise<string[]> {
  const rows = await db.selectFrom('ledger_key').select('vkey').orderBy('created_at').orderBy('id').execute()
  return rows.map(({ vkey }) => vkey)
}

/** The ids of what a filter names; undefined: there is nobody, or no system, of this name. */
export async function idsOfNames(
  db: Queryable,
  names: { identity?: string; system?: string },
): Promise<{ identity?: string; system?: string }> {
  const identity =
    names.identity === undefined
      ? undefined
      : await db.selectFrom('identity').select('id').where('external_id', '=', names.identity).executeTakeFirst()
  const system =
    names.system === undefined
      ? undefined
      : await db.selectFrom('system').select('id').where('name', '=', names.system).executeTakeFirst()
  return { ...(identity === undefined ? {} : { identity: identity.id }), ...(system === undefined ? {} : { system: system.id }) }
}

/** Tables that give the ids in entries their names. */
export const NAMES = ['identities', 'systems', 'credentials'] as const
export type NameTable = (typeof NAMES)[number]
export type NameRow = Record<string, string | boolean | null | Temporal.Instant>

/** A page of a table of names, by id: the rows after `after`. */
export async function namesPage(
  db: Queryable,
  table: NameTable,
  filter: EvidenceFilter,
  after: string,
  limit: number,
): Promise<(NameRow & { id: string })[]> {
  const { rows } = await sql<NameRow & { id: string }>`
    select * from (${NAME_QUERIES[table](filter)}) t where id > ${after === '' ? ZERO : after}::uuid order by id limit ${limit}
  `.execute(db)
  return rows
}

const ZERO = '00000000-0000-0000-0000-000000000000'

const NAME_QUERIES: Record<NameTable, (filter: EvidenceFilter) => RawBuilder<unknown>> = {
  identities: ({ identityId, systemId }) => sql`
    select id, external_id, kind, name, email, owner_external_id, terminated_at, source from identity
    where ${identityId === undefined ? sql`true` : sql`id = ${identityId}::uuid`}
      and ${
        systemId === undefined
          ? sql`true`
          : sql`(id in (select identity_id from credential where system_id = ${systemId}::uuid)
        or id in (select identity_id from listing where system_id = ${systemId}::uuid))`
      }`,
  systems: ({ identityId, systemId }) => sql`
    select id, name, probe, origin, tier, zone, owner, retired_at from system
    where ${systemId === undefined ? sql`true` : sql`id = ${systemId}::uuid`}
      and ${
        identityId === undefined
          ? sql`true`
          : sql`(id in (select system_id from credential where identity_id = ${identityId}::uuid)
        or id in (select system_id from listing where identity_id = ${identityId}::uuid))`
      }`,
  credentials: (filter) => sql`
    select id, identity_id, system_id, label, kind, principal, privilege, shared, handover_by, fingerprint, retired_at from credential
    where ${ofIdentity(filter)} and ${ofSystem(filter)}`,
}

function listed(ids: readonly string[]): RawBuilder<string> {
  return sql<string>`(select json_array_elements_text(${JSON.stringify(ids)}::json)::uuid)`
}

function ofIdentity({ identityId }: EvidenceFilter): RawBuilder<boolean> {
  return identityId === undefined ? sql`true` : sql`identity_id = ${identityId}::uuid`
}

function ofSystem({ systemId }: EvidenceFilter): RawBuilder<boolean> {
  return systemId === undefined ? sql`true` : sql`system_id = ${systemId}::uuid`
}

/** Of an identity: of the systems at which it held something. */
function atSystems({ identityId }: EvidenceFilter): RawBuilder<boolean> {
  return identityId === undefined
    ? sql`true`
    : sql`system_id in (select system_id from credential where identity_id = ${identityId}::uuid)`
}
