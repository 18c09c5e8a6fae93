import { sql } from 'kysely'
import type { GapReason } from '../domain/gap.ts'
import type { Queryable } from './db.ts'
import { allOf } from './keyset.ts'
import { at, type SystemRef, systemRef } from './told.ts'

export interface CalendarScope {
  /** The beginning of a day, UTC. */
  from: Temporal.Instant
  to: Temporal.Instant
  systemId?: string | undefined
}

export interface TriedDay {
  /** `2026-11-22`, UTC. */
  day: string
  systemId: string
  trials: number
  accepted: number
  rejected: number
  inconclusive: number
}

/** What trials that began on a day came to, by day and system. */
export async function triedDays(db: Queryable, { from, to, systemId }: CalendarScope): Promise<TriedDay[]> {
  // Day by day, each by the index: grouped at once, every trial of the period would be sorted.
  const { rows } = await sql<TriedDay>`
    select to_char(d.day at time zone 'UTC', 'YYYY-MM-DD') as day, x.* from
      generate_series(${at(from)}, ${at(to)} - interval '1 microsecond', interval '24 hours') d (day)
      cross join lateral (
        select t.system_id as "systemId", count(*)::int as trials,
          sum(t.accepted)::int as accepted, sum(t.rejected)::int as rejected, sum(t.inconclusive)::int as inconclusive
        from trial t where ${allOf([
          sql`t.started_at >= d.day`,
          sql`t.started_at < least(d.day + interval '24 hours', ${at(to)})`,
          systemId === undefined ? undefined : sql`t.system_id = ${systemId}::uuid`,
        ])}
        group by t.system_id
      ) x
  `.execute(db)
  return rows
}

export interface GapSpan {
  systemId: string
  reason: GapReason
  from: Temporal.Instant
  /** Null: it lasts. */
  to: Temporal.Instant | null
}

/** The times within a period in which what was due was not tried. */
export async function gapsWithin(db: Queryable, { from, to, systemId }: CalendarScope): Promise<GapSpan[]> {
  const { rows } = await sql<GapSpan>`
    select g.system_id as "systemId", g.reason, g.from_at as from, g.to_at as to from gap g
    where ${allOf([sql`g.from_at < ${at(to)}`, sql`(g.to_at is null or g.to_at > ${at(from)})`, systemId === undefined ? undefined : sql`g.system_id = ${systemId}::uuid`])}
    order by g.from_at, g.id
  `.execute(db)
  return rows
}

/** Every system that there ever was, by id. */
export async function systemRefs(db: Queryable): Promise<Map<string, SystemRef>> {
  const { rows } = await sql<{ ref: SystemRef }>`select ${systemRef('s')} as ref from system s`.execute(db)
  return new Map(rows.map(({ ref }) => [ref.id, ref]))
}
