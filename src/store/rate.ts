import { sql } from 'kysely'
import type { Queryable } from './db.ts'

/**
 * Takes the next places on a system's time line, which all processes share: one statement decides, by the database's clock. None is
 * taken where the first of them is farther ahead than `horizonMs`; `retryInMs` then says when it will be near enough.
 *
 * @param places how many; `spacingMs` from one to the next; `burstMs`: so far behind now may the first be, after a lull
 */
export async function takePlaces(
  db: Queryable,
  systemId: string,
  places: { count: number; spacingMs: number; burstMs: number; horizonMs: number },
): Promise<{ startsInMs: number } | { retryInMs: number }> {
  const { burstMs, horizonMs } = places
  const wholeMs = places.count * places.spacingMs
  const { rows } = await sql<{ starts: number }>`
    update system
    set rate_full_at = greatest(coalesce(rate_full_at, '-infinity'), clock_timestamp() - ${ms(burstMs)}) + ${ms(wholeMs)}
    where id = ${systemId}::uuid and (rate_full_at is null or rate_full_at <= clock_timestamp() + ${ms(horizonMs)})
    returning extract(epoch from rate_full_at - ${ms(wholeMs)} - clock_timestamp())::float8 * 1000 as starts
  `.execute(db)
  const [taken] = rows
  if (taken !== undefined) return { startsInMs: taken.starts }
  return { retryInMs: await nearIn(db, systemId, horizonMs, wholeMs) }
}

/** When the next place will be near enough. One that lies farther ahead than this rate puts any was put there by a slower rate, or by a clock that was set back since. */
async function nearIn(db: Queryable, systemId: string, horizonMs: number, wholeMs: number): Promise<number> {
  const { rows } = await sql<{ ahead: number }>`
    update system set rate_full_at = least(rate_full_at, clock_timestamp() + ${ms(horizonMs + wholeMs)})
    where id = ${systemId}::uuid
    returning extract(epoch from rate_full_at - clock_timestamp())::float8 * 1000 as ahead
  `.execute(db)
  return Math.max((rows[0]?.ahead ?? 0) - horizonMs, 1)
}

/** An interval of so many milliseconds, exact to the microsecond. */
function ms(count: number) {
  return sql`${count}::float8 * interval '1 millisecond'`
}
