import type { StatementSays } from '../../domain/feed.ts'
import { newId } from '../../domain/id.ts'
import { zonesInUse } from '../../store/check-state.ts'
import type { Queryable } from '../../store/db.ts'
import { heardFeed, lockFeed } from '../../store/feed.ts'
import { clearFaults, noteFault } from '../../store/feed-fault.ts'
import { type FeedStatementRow, lockOpenStatements, saidSince } from '../../store/feed-statement.ts'
import { findSubjects, identitiesOf, presentSubjects, subjectsOf } from '../../store/feed-subject.ts'
import type { IntakeDeps } from '../deps.ts'
import { inTransaction, type Tx } from '../transaction.ts'
import { type Known, planSaid, type SaidPlan } from './plan-said.ts'
import type { Feed, Said, Taken } from './said.ts'
import { type Mass, type PlannedSaid, writeSaid } from './write-said.ts'

/** Statements that are written in one transaction. */
const CHUNK = 500

/**
 * Takes what a feed says, in one delivery: departures fall due at once, and more of them than the feed's policy lets pass are held until
 * a person decides (`decideHeld`). Of one subject the last statement counts. Answers what came of each, in their order.
 *
 * @param begun when reading them began: words without a time of their own may be as old as that, and what was said since counts before them
 */
export async function takeStatements(
  feed: Feed,
  said: readonly Said[],
  deps: IntakeDeps,
  begun: Temporal.Instant = deps.now(),
): Promise<Taken[]> {
  await prepareToTake(deps)
  const last = [...new Map(said.map((each) => [each.key, { ...each, at: each.at ?? begun }])).values()]
  const deliveryId = newId()
  const mass = last.length > 1 ? await massOf(deps.db, feed, await countMoves(feed, last, deps), deps.now()) : undefined
  const taken: Taken[] = []
  for (let from = 0; from < last.length; from += CHUNK) {
    const chunk = last.slice(from, from + CHUNK)
    taken.push(...(await inTransaction(deps.db, (tx) => takeIn(tx, feed, chunk, deps, { deliveryId, mass }))))
  }
  if (last.length === 0) await heardFeed(deps.db, feed.id, deps.now())
  return taken
}

/** To be called before the transaction that `takeIn` is given: the one connection of an embedded database is in use then. */
export async function prepareToTake(deps: IntakeDeps): Promise<void> {
  await deps.jobs.prepareTrials(await zonesInUse(deps.db))
}

/** Takes statements, no key among them twice, in the caller's transaction, which it must run again where it was outrun. */
export async function takeIn(
  tx: Tx,
  feed: Feed,
  said: readonly Said[],
  deps: IntakeDeps,
  delivery: { deliveryId: string; mass: Mass | undefined } = { deliveryId: newId(), mass: undefined },
): Promise<Taken[]> {
  const now = deps.now()
  const known = await readKnown(tx, feed, said, 'lock')
  const open = await openByKey(tx, feed, said)
  const plans = said
    .map((each) => ({ said: each, ...known(each) }))
    .map((each) => ({ ...each, plan: planSaid(feed, each.said, each.known, now) }))
  const moves = movesOf(plans.map(({ plan }) => plan))
  // One at a time: of two that leave at once, the second must see the first.
  if (moves.departures + moves.returns > 0) await lockFeed(tx, feed.id)
  const alone = await massOf(tx, feed, moves, now)
  const mass = {
    departures: alone.departures || delivery.mass?.departures === true,
    returns: alone.returns || delivery.mass?.returns === true,
  }
  const taken = await writeSaid(tx, feed, plans, { deps, now, open, mass, deliveryId: delivery.deliveryId })
  await heardFeed(tx, feed.id, now)
  await keepFaults(tx, feed, plans, taken, now)
  return taken
}

/** A word that could not be taken stands until one about the same subject is, whatever is heard of others meanwhile. */
async function keepFaults(
  tx: Tx,
  feed: Feed,
  plans: readonly PlannedSaid[],
  taken: readonly Taken[],
  now: Temporal.Instant,
): Promise<void> {
  const heard = plans.flatMap(({ said: { key, at, standing }, plan }, n) => {
    // What was not taken may have been a departure: another word about whether somebody is here ends it, and no other.
    const isNothing = plan.ignored || standing.is === 'unsaid' || taken[n]?.fault !== undefined
    return isNothing ? [] : [{ key, saidAt: at }]
  })
  await clearFaults(tx, feed.id, heard)
  for (const [n, { key, fault }] of taken.entries())
    if (fault !== undefined) await noteFault(tx, feed.id, { key, fault, saidAt: plans[n]?.said.at }, now)
}

/** Somebody who was here leaves, or is to be asked about; somebody is back. */
function movesOf(plans: readonly SaidPlan[]): Moves {
  return {
    departures: plans.filter(({ says }) => says === 'terminated' || says === 'suspended').length,
    returns: plans.filter(({ says }) => says === 'reinstated').length,
  }
}

interface Moves {
  departures: number
  returns: number
}

async function countMoves(feed: Feed, said: readonly Said[], deps: IntakeDeps): Promise<Moves> {
  const now = deps.now()
  const sum = { departures: 0, returns: 0 }
  for (let from = 0; from < said.length; from += CHUNK) {
    const chunk = said.slice(from, from + CHUNK)
    const known = await readKnown(deps.db, feed, chunk, 'look')
    const { departures, returns } = movesOf(chunk.map((each) => planSaid(feed, each, known(each).known, now)))
    sum.departures += departures
    sum.returns += returns
  }
  return sum
}

/** More leave, or come back, than usually do: a wrong filter on their side, or a wrong mapping, looks the same. */
async function massOf(db: Queryable, feed: Feed, moves: Moves, now: Temporal.Instant): Promise<Mass> {
  return {
    departures: await isMass(db, feed, ['terminated', 'suspended'], moves.departures, now),
    returns: await isMass(db, feed, ['reinstated'], moves.returns, now),
  }
}

async function isMass(
  db: Queryable,
  { id, policy: { mass } }: Feed,
  says: readonly StatementSays[],
  count: number,
  now: Temporal.Instant,
): Promise<boolean> {
  if (count === 0) return false
  const before = await saidSince(db, id, says, now.subtract({ milliseconds: mass.windowMs }))
  if (before + count <= mass.least) return false
  return before + count > mass.share * ((await presentSubjects(db, id)) + before)
}

/** Whom statements speak of: by key, or else by the external id. Of two in one delivery with one name, the first has it. */
export async function readKnown(db: Queryable, feed: Feed, said: readonly Said[], mode: 'lock' | 'look') {
  const subjects = await findSubjects(
    db,
    feed.id,
    said.map(({ key }) => key),
  )
  const rows = await identitiesOf(
    db,
    [...subjects.values()].map(({ identity_id }) => identity_id),
    said.map(({ externalId }) => externalId),
    mode,
  )
  const byId = new Map(rows.map((row) => [row.id, row]))
  const byName = Map.groupBy(rows, ({ external_id }) => external_id.toLowerCase())
  const nameOf = (externalId: string) => {
    const alike = byName.get(externalId.toLowerCase()) ?? []
    return { named: alike.find(({ external_id }) => external_id === externalId) ?? alike[0], several: alike.length > 1 }
  }
  const words = await subjectsOf(
    db,
    rows.map(({ id }) => id),
  )
  const named = new Map<string, string>()
  for (const { key, externalId } of said) {
    const name = externalId.toLowerCase()
    if (!subjects.has(key) && !named.has(name)) named.set(name, key)
  }
  return (each: Said): { known: Known; doubled: boolean } => {
    const subject = subjects.get(each.key)
    const alike = nameOf(each.externalId)
    const identity = subject === undefined ? alike.named : byId.get(subject.identity_id)
    const others = words.filter(
      (word) => word.identity_id === identity?.id && !(word.feed_id === feed.id && word.key === each.key),
    )
    const doubled =
      subject === undefined &&
      (named.get(each.externalId.toLowerCase()) !== each.key || (alike.several && alike.named?.external_id !== each.externalId))
    return { known: { subject, identity, others }, doubled }
  }
}

async function openByKey(tx: Tx, feed: Feed, said: readonly Said[]): Promise<Map<string, FeedStatementRow[]>> {
  const rows = await lockOpenStatements(
    tx,
    feed.id,
    said.map(({ key }) => key),
  )
  return Map.groupBy(rows, ({ key }) => key)
}
