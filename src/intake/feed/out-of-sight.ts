import { RevenantError } from '../../domain/error.ts'
import type { Queryable } from '../../store/db.ts'
import { countOutOfSight, type OutOfSight, outOfSight, positionOf, scopedPositions } from '../../store/out-of-sight.ts'
import { periodsAt } from './scope.ts'

const MOST = 1_000

/** How many are out of sight of each feed, by id: it is asked for others than when it told of them. Those without any are left out. */
export async function outOfSightCounts(db: Queryable, now: Temporal.Instant): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const [id, position] of await scopedPositions(db)) {
    const periods = periodsAt(position)
    const count = periods === undefined ? 0 : await countOutOfSight(db, id, periods, now)
    if (count > 0) counts.set(id, count)
  }
  return counts
}

/** Who they are, by key, at most 1000. Throws `NOT_FOUND` for a name that no source in use has. */
export async function outOfSightOf(db: Queryable, name: string, now: Temporal.Instant): Promise<OutOfSight[]> {
  const feed = await positionOf(db, name)
  if (feed === undefined) throw new RevenantError('NOT_FOUND', `no source is called ${JSON.stringify(name)}`)
  const periods = periodsAt(feed.position)
  return periods === undefined ? [] : outOfSight(db, feed.id, periods, now, MOST)
}
