import { type Selectable, sql } from 'kysely'
import type { FeedStanding } from '../domain/feed.ts'
import type { Queryable } from './db.ts'
import type { IdentityRow } from './identity.ts'
import type { FeedSubjectTable } from './tables.ts'

export type FeedSubjectRow = Selectable<FeedSubjectTable>

/** A subject as it is written. Instants are RFC 3339 strings. */
export interface FeedSubjectWrite {
  feed_id: string
  key: string
  identity_id: string
  standing: FeedStanding
  terminated_at: string | null
  said_at: string
}

/** The subjects of a feed that have these keys, by key. */
export async function findSubjects(db: Queryable, feedId: string, keys: readonly string[]): Promise<Map<string, FeedSubjectRow>> {
  if (keys.length === 0) return new Map()
  const { rows } = await sql<FeedSubjectRow>`
    select * from feed_subject
    where feed_id = ${feedId}::uuid and key in (select json_array_elements_text(${JSON.stringify(keys)}::json))
  `.execute(db)
  return new Map(rows.map((row) => [row.key, row]))
}

/** Every word of every feed in use about these identities. */
export async function subjectsOf(db: Queryable, identityIds: readonly string[]): Promise<FeedSubjectRow[]> {
  if (identityIds.length === 0) return []
  const { rows } = await sql<FeedSubjectRow>`
    select s.* from feed_subject s join feed d on d.id = s.feed_id
    where d.retired_at is null and s.identity_id in (select json_array_elements_text(${JSON.stringify(identityIds)}::json)::uuid)
  `.execute(db)
  return rows
}

/** Identities by id, or by external id whatever its case; `lock`: locked until the transaction ends, in one order. */
export async function identitiesOf(
  db: Queryable,
  ids: readonly string[],
  externalIds: readonly string[],
  mode: 'lock' | 'look',
): Promise<IdentityRow[]> {
  if (ids.length + externalIds.length === 0) return []
  const { rows } = await sql<IdentityRow>`
    select * from identity
    where id in (select json_array_elements_text(${JSON.stringify(ids)}::json)::uuid)
      or (lower(external_id) collate "C") in (select json_array_elements_text(${JSON.stringify(externalIds.map((each) => each.toLowerCase()))}::json))
    order by external_id ${mode === 'lock' ? sql`for update` : sql``}
  `.execute(db)
  return rows
}

export async function saveSubjects(tx: Queryable, rows: readonly FeedSubjectWrite[], now: Temporal.Instant): Promise<void> {
  if (rows.length === 0) return
  await sql`
    insert into feed_subject (feed_id, key, identity_id, standing, terminated_at, said_at, created_at)
    select feed_id, key, identity_id, standing, terminated_at, said_at, ${now.toString()}::timestamptz
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as r (feed_id uuid, key text, identity_id uuid, standing text, terminated_at timestamptz, said_at timestamptz)
    on conflict (feed_id, key) do update set identity_id = excluded.identity_id, standing = excluded.standing,
      terminated_at = excluded.terminated_at, said_at = excluded.said_at
  `.execute(tx)
}

/** Writes since when identities are suspended; null: not any more. */
export async function suspendIdentities(
  tx: Queryable,
  rows: readonly { id: string; suspended_at: string | null }[],
  now: Temporal.Instant,
): Promise<void> {
  if (rows.length === 0) return
  await sql`
    update identity i set suspended_at = r.suspended_at, updated_at = ${now.toString()}::timestamptz
    from json_to_recordset(${JSON.stringify(rows)}::json) as r (id uuid, suspended_at timestamptz) where i.id = r.id
  `.execute(tx)
}

/** Gives the word of an identity's older keys in a feed to another key: they were the same person. */
export async function moveSubject(tx: Queryable, feedId: string, identityId: string, key: string): Promise<void> {
  await sql`
    with last as (
      select * from feed_subject where feed_id = ${feedId}::uuid and identity_id = ${identityId}::uuid
      order by said_at desc, key limit 1
    ), gone as (
      delete from feed_subject where feed_id = ${feedId}::uuid and identity_id = ${identityId}::uuid
    )
    insert into feed_subject (feed_id, key, identity_id, standing, terminated_at, said_at, created_at)
    select feed_id, ${key}, identity_id, standing, terminated_at, said_at, created_at from last
  `.execute(tx)
}

/** Whoever takes a departure back overrides what sources said before. */
export async function releaseSubjects(tx: Queryable, identityIds: readonly string[]): Promise<void> {
  if (identityIds.length === 0) return
  await sql`
    update feed_subject set standing = 'active', terminated_at = null
    where identity_id in (select json_array_elements_text(${JSON.stringify(identityIds)}::json)::uuid) and standing = 'terminated'
  `.execute(tx)
}

/** How many subjects of a feed have not left, by its own words. */
export async function presentSubjects(db: Queryable, feedId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from feed_subject where feed_id = ${feedId}::uuid and standing <> 'terminated'
  `.execute(db)
  return rows[0]?.count ?? 0
}

/** From an instant until before another one; null: from ever, or for ever. RFC 3339. */
export interface Period {
  since: string | null
  until: string | null
}

/** Somebody who has not left, by a feed's own words. */
export interface PresentSubject {
  key: string
  /** That he has here. */
  external_id: string
  /** Last heard of within one of the periods. */
  asked: boolean
}

function isWithin(periods: readonly Period[]) {
  return sql<boolean>`exists (
    select 1 from json_to_recordset(${JSON.stringify(periods)}::json) as p (since timestamptz, until timestamptz)
    where s.said_at >= coalesce(p.since, '-infinity') and s.said_at < coalesce(p.until, 'infinity')
  )`
}

/** Who has not left, by a feed's own words. */
export async function presentKeys(db: Queryable, feedId: string, periods: readonly Period[]): Promise<PresentSubject[]> {
  const { rows } = await sql<PresentSubject>`
    select s.key, i.external_id, ${isWithin(periods)} as asked from feed_subject s join identity i on i.id = s.identity_id
    where s.feed_id = ${feedId}::uuid and s.standing <> 'terminated' order by s.key
  `.execute(db)
  return rows
}

/** The same at an instant: also who leaves later, by a feed's own words. */
export async function keysHereAt(
  db: Queryable,
  feedId: string,
  at: Temporal.Instant,
  periods: readonly Period[],
): Promise<PresentSubject[]> {
  const { rows } = await sql<PresentSubject>`
    select s.key, i.external_id, ${isWithin(periods)} as asked from feed_subject s join identity i on i.id = s.identity_id
    where s.feed_id = ${feedId}::uuid and (s.standing <> 'terminated' or s.terminated_at > ${at.toString()}::timestamptz)
    order by s.key
  `.execute(db)
  return rows
}

/** Those of some subjects that were last heard of before an instant are taken for heard of then. */
export async function bringIntoScope(db: Queryable, feedId: string, keys: readonly string[], since: string): Promise<void> {
  if (keys.length === 0) return
  await sql`
    update feed_subject set said_at = ${since}::timestamptz
    where feed_id = ${feedId}::uuid and said_at < ${since}::timestamptz
      and key in (select json_array_elements_text(${JSON.stringify(keys)}::json))
  `.execute(db)
}

/** When a feed last said anything of anybody. */
export async function lastSaid(db: Queryable, feedId: string): Promise<Temporal.Instant | null> {
  const row = await db
    .selectFrom('feed_subject')
    .select(({ fn }) => fn.max('said_at').as('at'))
    .where('feed_id', '=', feedId)
    .executeTakeFirst()
  return row?.at ?? null
}
