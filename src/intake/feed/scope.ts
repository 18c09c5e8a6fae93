import { hash } from 'node:crypto'
import { z } from 'zod'
import { canonicalJson } from '../../domain/canonical-json.ts'
import type { Facts } from '../../domain/leaf.ts'
import { audit } from '../../store/audit.ts'
import { bringIntoScope, type Period, type PresentSubject } from '../../store/feed-subject.ts'
import type { PullContext } from '../sources/source.ts'

/**
 * For whom a source is asked. Somebody can be missing only from a list that he was to be on: whoever was last heard of while others were
 * asked for (another filter, another report) is out of sight, and not gone.
 */
export interface Scope {
  /** Others are asked for than the last time. */
  changed: boolean
  /** When the same people were asked for as now; the last one goes on. */
  periods: readonly Period[]
  /** To be kept with the position. */
  kept: Facts
}

const keptSchema = z.object({ people: z.array(z.object({ of: z.string(), since: z.string().nullable() })) })
/** Who tries many filters loses the oldest periods: fewer are called gone by that, and nobody more. */
const MOST_PERIODS = 20

/**
 * The scope of a reading.
 *
 * @param asked what decides who is asked for
 * @param at when the reading's statements were made
 * @param sure false: nothing is kept, and it is known that something else was asked for
 */
export function enterScope(position: Facts | null, asked: Facts, at: Temporal.Instant, sure = true): Scope {
  const of = hash('sha256', canonicalJson(asked), 'hex').slice(0, 32)
  const before = keptSchema.safeParse(position).data?.people ?? (sure ? [] : [{ of: '', since: null }])
  const changed = before.length > 0 && before.at(-1)?.of !== of
  // The database's grain, or what is said at that instant would come before it.
  const since = at.round({ smallestUnit: 'microsecond', roundingMode: 'floor' }).toString()
  const people = before.length === 0 ? [{ of, since: null }] : changed ? [...before, { of, since }].slice(-MOST_PERIODS) : before
  const periods = people.flatMap((each, n) => {
    return each.of === of ? [{ since: each.since, until: people[n + 1]?.since ?? null }] : []
  })
  return { changed, periods, kept: { people } }
}

/** Of those who were here by a feed's own words, who is not on a list of everybody, and who never was to be on it. */
export function absentFrom(
  listed: { has(key: string): boolean },
  here: readonly PresentSubject[],
): { missing: PresentSubject[]; outOfSight: PresentSubject[] } {
  const { missing = [], outOfSight = [] } = Object.groupBy(
    here.filter(({ key }) => !listed.has(key)),
    ({ asked }) => (asked ? 'missing' : 'outOfSight'),
  )
  return { missing, outOfSight }
}

const CHUNK = 5_000

/**
 * Notes who is on a list: they are to be on the next one of everybody. Says so where others were asked for before.
 *
 * @param outOfSight how many that leaves out; undefined: the list is not of everybody
 */
export async function keepScope(
  { feed, deps, log }: Pick<PullContext, 'feed' | 'deps' | 'log'>,
  { changed, periods }: Scope,
  listed: Iterable<string>,
  outOfSight: number | undefined,
): Promise<void> {
  const since = periods.at(-1)?.since ?? null
  const keys = [...listed]
  if (since !== null)
    for (let from = 0; from < keys.length; from += CHUNK)
      await bringIntoScope(deps.db, feed.id, keys.slice(from, from + CHUNK), since)
  if (!changed || outOfSight === undefined) return
  await audit(deps.db, { actor: deps.actor, action: 'feed.rescope', subject: feed.name, detail: { outOfSight }, at: deps.now() })
  log('warn', 'a source is asked for others than before: who is missing now is out of sight, and not called gone', { outOfSight })
}
