import { sql } from 'kysely'
import type { Queryable } from './db.ts'
import type { Period } from './feed-subject.ts'
import { told } from './told.ts'

/** Subjects of one feed whose faults are kept apart. */
const MOST_KEYS = 1_000
const MOST_WORDS = 500

/** A word that could not be taken. */
export interface SubjectFault {
  /** Whom it was about; undefined: that cannot be told. */
  key: string | undefined
  /** A sentence without secrets. */
  fault: string
  /** When it was said; undefined: it has no time of its own, and is said now, whatever clock the words before had. */
  saidAt: Temporal.Instant | undefined
}

/**
 * Keeps that a word about a subject was not taken, until that subject is heard well or somebody dismisses it. One that is older than what
 * was heard of it is passed over, as it would have been if it had been understood.
 */
export async function noteFault(
  db: Queryable,
  feedId: string,
  { key = '', fault, saidAt }: SubjectFault,
  at: Temporal.Instant,
): Promise<void> {
  const now = at.toString()
  const said = (saidAt ?? at).toString()
  const isOutrun =
    saidAt === undefined
      ? sql`false`
      : sql`exists (select 1 from feed_subject where feed_id = ${feedId}::uuid and key = ${key} and said_at > ${said}::timestamptz)`
  await sql`
    insert into feed_fault as f (feed_id, key, fault, count, first_at, last_at, said_at)
    select ${feedId}::uuid,
      case when (select count(*) from feed_fault where feed_id = ${feedId}::uuid) < ${MOST_KEYS}
        or exists (select 1 from feed_fault where feed_id = ${feedId}::uuid and key = ${key}) then ${key} else '' end,
      ${fault.slice(0, MOST_WORDS)}, 1, ${now}::timestamptz, ${now}::timestamptz, ${said}::timestamptz
    where not ${isOutrun}
    on conflict (feed_id, key) do update set fault = excluded.fault, count = f.count + 1, last_at = excluded.last_at,
      said_at = greatest(f.said_at, excluded.said_at)
  `.execute(db)
}

/** Takes back the faults of subjects that were heard well. */
export async function clearFaults(
  db: Queryable,
  feedId: string,
  heard: readonly { key: string; saidAt: Temporal.Instant | undefined }[],
): Promise<void> {
  if (heard.length === 0) return
  const rows = heard.map(({ key, saidAt }) => ({ key, said_at: saidAt?.toString() ?? null }))
  await sql`
    delete from feed_fault f using json_to_recordset(${JSON.stringify(rows)}::json) as r (key text, said_at timestamptz)
    where f.feed_id = ${feedId}::uuid and f.key = r.key and f.key <> '' and coalesce(r.said_at >= f.said_at, true)
  `.execute(db)
}

/** Of which subjects a fault stands whose last word was said within one of some periods. */
export async function faultKeys(db: Queryable, feedId: string, periods: readonly Period[]): Promise<string[]> {
  const { rows } = await sql<{ key: string }>`
    select f.key from feed_fault f where f.feed_id = ${feedId}::uuid and f.key <> '' and exists (
      select 1 from json_to_recordset(${JSON.stringify(periods)}::json) as p (since timestamptz, until timestamptz)
      where f.said_at >= coalesce(p.since, '-infinity') and f.said_at < coalesce(p.until, 'infinity')
    ) order by f.key
  `.execute(db)
  return rows.map(({ key }) => key)
}

/** Somebody has seen to it: of these subjects, null where it could not be told, or of all. Answers how many rows are gone. */
export async function dismissFaults(
  db: Queryable,
  feedId: string,
  keys?: readonly (string | null)[] | undefined,
): Promise<number> {
  const of =
    keys === undefined
      ? sql``
      : sql`and key in (select json_array_elements_text(${JSON.stringify(keys.map((key) => key ?? ''))}::json))`
  const { rows } = await sql`delete from feed_fault where feed_id = ${feedId}::uuid ${of} returning key`.execute(db)
  return rows.length
}

export interface ToldFault {
  source: { id: string; name: string }
  /** Null: it cannot be told whom it was about. */
  key: string | null
  /** Who that is here; null: nobody. */
  externalId: string | null
  fault: string
  count: number
  firstAt: string
  lastAt: string
}

/** What was not taken and stands, the last first. @param source its name */
export async function feedFaults(db: Queryable, source: string | undefined, limit: number): Promise<ToldFault[]> {
  const { rows } = await sql<ToldFault>`
    select json_build_object('id', d.id, 'name', d.name) as source, nullif(f.key, '') as key, i.external_id as "externalId", f.fault, f.count,
      ${told(sql`f.first_at`)} as "firstAt", ${told(sql`f.last_at`)} as "lastAt"
    from feed_fault f join feed d on d.id = f.feed_id
    left join feed_subject s on s.feed_id = f.feed_id and s.key = f.key left join identity i on i.id = s.identity_id
    where ${source === undefined ? sql`true` : sql`d.name = ${source}`}
    order by f.last_at desc, d.name, f.key limit ${limit}
  `.execute(db)
  return rows
}
