import { RevenantError } from '../../domain/error.ts'
import { keysHereAt } from '../../store/feed-subject.ts'
import { askWhereNamed, type Bearer } from '../feed/named-elsewhere.ts'
import type { Said, Taken } from '../feed/said.ts'
import { absentFrom, bringInto, enterScope, tellScope } from '../feed/scope.ts'
import { takeStatements } from '../feed/take.ts'
import type { PullContext } from '../sources/source.ts'
import { type Changes, changesSince, filtersOf } from './changes.ts'
import { type Collected, collect } from './collect.ts'
import { openDirectory } from './directory.ts'
import { readDomain } from './domain.ts'
import { saidDeleted, saidGone } from './gone.ts'
import { noteNameless } from './nameless.ts'
import type { DirectoryOptions } from './options.ts'
import { keepPosition, keptPosition, peopleOf, scopeOf } from './position.ts'
import type { Reading } from './reading.ts'
import { rootsOf } from './roots.ts'
import { openReader } from './said-of.ts'
import { withoutStrangers } from './strangers.ts'

/** A directory that has not given everything by then is slower than it is asked again. */
const MOST_MS = 1_800_000

/**
 * Asks a directory for what has changed since it was asked last, or for everybody: where that is due, where something else is asked for
 * than before, and where another server answers. Who is missing from everybody, was there while the same people were asked for, and is
 * not found when he is looked for by his key, is deleted; where the same answer has his name otherwise, a person is asked. Nothing of an
 * answer is taken that is not whole. Throws `SOURCE_UNREACHABLE`, `SOURCE_REFUSED`, and what a reference throws.
 */
export async function pullDirectory(options: DirectoryOptions, context: PullContext): Promise<void> {
  const { feed, deps } = context
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(MOST_MS)])
  const [now, begun] = [deps.now(), performance.now()]
  const directory = await openDirectory(options, context, signal)
  try {
    const domain = options.flavour === 'ad' ? await readDomain(directory) : undefined
    const before = keptPosition(context.position)
    const scope = scopeOf(options)
    const people = enterScope(context.position, peopleOf(options), now, before === undefined || before.scope === scope)
    const reading: Reading = { options, context, reader: openReader(options), directory, domain, now, people }
    const changes = before?.scope === scope ? changesSince(before, reading) : undefined
    const { said, newest, listed, outOfSight, nameless } = await (changes === undefined
      ? everybody(reading)
      : changed(reading, changes))
    directory.close()
    const worth = await withoutStrangers(feed, said, deps)
    // Before anything is taken: whoever is named now was named under this scope, whatever comes in between.
    await context.move({ ...context.position, ...people.kept })
    const taken = await takeStatements(feed, worth, deps, now)
    report(context, { full: changes === undefined, entries: said.length }, taken)
    await noteNameless(reading, { nameless, said, taken }, changes === undefined)
    if (listed !== undefined) await bringInto(context, people, listed)
    const kept = await tellScope(context, people, outOfSight)
    // What changed while pages were given may be older than the newest change of a later page.
    const seen = newest?.subtract({ milliseconds: Math.ceil(performance.now() - begun) })
    const since = later(changes === undefined ? undefined : before?.since, seen)
    await context.move({
      ...keepPosition({
        ...{ scope, fullAt: changes === undefined || before === undefined ? now : before.fullAt },
        ...(domain === undefined ? {} : { server: domain.server, usn: domain.usn }),
        ...(domain !== undefined || since === undefined ? {} : { since }),
      }),
      ...kept,
    })
  } finally {
    directory.close()
  }
}

interface Read extends Pick<Collected, 'nameless'> {
  said: Said[]
  newest: Temporal.Instant | undefined
  /** Keys of everybody, where everybody was asked for. */
  listed?: ReadonlySet<string>
  /** How many were heard of only while others were asked for. */
  outOfSight?: number
}

async function everybody(reading: Reading): Promise<Read> {
  const { options, directory, context, people, now } = reading
  // A place that may not be read any more must not look like one that nobody is in.
  for (const root of rootsOf(options)) await directory.one(root, ['objectClass'])
  const { said, seen, nameless, newest } = await collect(reading, filtersOf(reading).all)
  if (seen.size === 0)
    throw new RevenantError('SOURCE_REFUSED', 'the directory names nobody: look at bases, filter and what the account may read')
  const here = await keysHereAt(context.deps.db, context.feed.id, now, people.periods)
  const { missing, outOfSight } = absentFrom(seen, here)
  const gone = askWhereNamed(await saidGone(reading, missing), bearersOf({ said, nameless }))
  return { said: [...said.values(), ...gone], newest, nameless, listed: seen, outOfSight: outOfSight.length }
}

async function changed(reading: Reading, changes: Changes): Promise<Read> {
  const { said, nameless, newest } = await collect(reading, filtersOf(reading).changed(changes))
  const gone = askWhereNamed(await saidDeleted(reading, changes), bearersOf({ said, nameless }))
  return { said: [...said.values(), ...gone], nameless, newest }
}

/** Whom an answer names, also by entries that lack a key. */
function bearersOf({ said, nameless }: Pick<Collected, 'said' | 'nameless'>): Bearer[] {
  const keyless = nameless.flatMap(({ key, externalId }) => (externalId === undefined ? [] : [{ key, externalId }]))
  return [...said.values(), ...keyless]
}

function report(context: PullContext, what: { full: boolean; entries: number }, taken: readonly Taken[]): void {
  const outcomes = Object.fromEntries(
    Map.groupBy(taken, ({ outcome }) => outcome)
      .entries()
      .map(([outcome, of]) => [outcome, of.length]),
  )
  const faults = taken.flatMap(({ key, fault }) => (fault === undefined ? [] : [{ key, fault }]))
  context.log(what.full ? 'info' : 'debug', 'a directory was read', { ...what, ...outcomes })
  if (faults.length > 0)
    context.log('warn', 'some of a directory could not be taken', { faults: faults.length, first: faults.slice(0, 5) })
}

function later(a: Temporal.Instant | undefined, b: Temporal.Instant | undefined): Temporal.Instant | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Temporal.Instant.compare(a, b) >= 0 ? a : b
}
