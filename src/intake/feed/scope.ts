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
  /** Nobody was told yet how many that leaves out. */
  untold: boolean
  /** When the same people were asked for as now; the last one goes on. */
  periods: readonly Period[]
  /** To be kept with the position before anything is taken: whoever is named by this reading was named under this scope. */
  kept: Facts
}

const keptSchema = z.object({
  people: z.array(z.object({ of: z.string(), since: z.string().nullable(), untold: z.literal(true).exactOptional() })),
})
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
  const next = { of, since, untold: true as const }
  const people = before.length === 0 ? [{ of, since: null }] : changed ? [...before, next].slice(-MOST_PERIODS) : before
  return { changed, untold: people.at(-1)?.untold === true, periods: periodsOf(people), kept: { people } }
}

type KeptPeriods = z.output<typeof keptSchema>['people']

/** When the same people were asked for as in the last of some periods. */
function periodsOf(people: KeptPeriods): Period[] {
  const of = people.at(-1)?.of
  return people.flatMap((each, n) => (each.of === of ? [{ since: each.since, until: people[n + 1]?.since ?? null }] : []))
}

/**
 * When the same people were asked for as at the last reading that was whole: whoever was last heard of at another time is out of sight.
 * Undefined where nobody can be.
 */
export function periodsAt(position: Facts | null): Period[] | undefined {
  const people = keptSchema.safeParse(position).data?.people ?? []
  const last = people.at(-1)
  return last === undefined || last.since === null || last.untold === true ? undefined : periodsOf(people)
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

/** Notes who is on a list: they are to be on the next one of everybody. */
export async function bringInto(
  { feed, deps }: Pick<PullContext, 'feed' | 'deps'>,
  { periods }: Scope,
  listed: Iterable<string>,
): Promise<void> {
  const since = periods.at(-1)?.since ?? null
  if (since === null) return
  const keys = [...listed]
  for (let from = 0; from < keys.length; from += CHUNK)
    await bringIntoScope(deps.db, feed.id, keys.slice(from, from + CHUNK), since)
}

/**
 * Says once how many are out of sight since others are asked for. Answers what is to be kept with the position from then on.
 *
 * @param outOfSight undefined: the list is not of everybody
 */
export async function tellScope(
  { feed, deps, log }: Pick<PullContext, 'feed' | 'deps' | 'log'>,
  { untold, kept }: Scope,
  outOfSight: number | undefined,
): Promise<Facts> {
  if (!untold || outOfSight === undefined) return kept
  await audit(deps.db, { actor: deps.actor, action: 'feed.rescope', subject: feed.name, detail: { outOfSight }, at: deps.now() })
  log('warn', 'a source is asked for others than before: who is missing now is out of sight, and not called gone', { outOfSight })
  return { people: keptSchema.parse(kept).people.map(({ of, since }) => ({ of, since })) }
}
