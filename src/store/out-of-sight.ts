import { sql } from 'kysely'
import type { Facts } from '../domain/leaf.ts'
import type { Queryable } from './db.ts'
import type { Period } from './feed-subject.ts'
import { type IdentityRef, identityRef, told } from './told.ts'

/** Somebody who is here, by a source that does not ask for him any more. */
export interface OutOfSight {
  /** Its id of the subject. */
  key: string
  identity: IdentityRef
  /** When it last said anything of him. */
  saidAt: string
}

/** How far feeds in use have been read, by id; those alone that keep for whom they were asked. */
export async function scopedPositions(db: Queryable): Promise<Map<string, Facts>> {
  const { rows } = await sql<{ id: string; position: Facts }>`
    select id, position from feed where retired_at is null and position -> 'people' is not null
  `.execute(db)
  return new Map(rows.map(({ id, position }) => [id, position]))
}

/** How far a feed in use has been read, by its name. */
export async function positionOf(db: Queryable, name: string): Promise<{ id: string; position: Facts | null } | undefined> {
  return db
    .selectFrom('feed')
    .select(['id', 'position'])
    .where('name', '=', name)
    .where('retired_at', 'is', null)
    .executeTakeFirst()
}

/** Those who are here, by a feed's own words and by everybody's, and were last heard of outside some periods. */
export async function outOfSight(
  db: Queryable,
  feedId: string,
  periods: readonly Period[],
  now: Temporal.Instant,
  most: number,
): Promise<OutOfSight[]> {
  const { rows } = await sql<OutOfSight>`
    select s.key, ${identityRef('i')} as identity, ${told(sql`s.said_at`)} as "saidAt" ${unseen(feedId, periods, now)}
    order by s.key limit ${most}
  `.execute(db)
  return rows
}

/** How many those are. */
export async function countOutOfSight(
  db: Queryable,
  feedId: string,
  periods: readonly Period[],
  now: Temporal.Instant,
): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count ${unseen(feedId, periods, now)}`.execute(db)
  return rows[0]?.count ?? 0
}

function unseen(feedId: string, periods: readonly Period[], now: Temporal.Instant) {
  return sql`
    from feed_subject s join identity i on i.id = s.identity_id
    where s.feed_id = ${feedId}::uuid and s.standing <> 'terminated'
      and (i.terminated_at is null or i.terminated_at > ${now.toString()}::timestamptz)
      and not exists (
        select 1 from json_to_recordset(${JSON.stringify(periods)}::json) as p (since timestamptz, until timestamptz)
        where s.said_at >= coalesce(p.since, '-infinity') and s.said_at < coalesce(p.until, 'infinity')
      )
  `
}
