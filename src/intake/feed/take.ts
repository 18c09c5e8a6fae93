import { newId } from '../../domain/id.ts'
import { zonesInUse } from '../../store/check-state.ts'
import type { Queryable } from '../../store/db.ts'
import { heardFeed } from '../../store/feed.ts'
import { departuresSince, type FeedStatementRow, lockOpenStatements } from '../../store/feed-statement.ts'
import { findSubjects, identitiesOf, presentSubjects, subjectsOf } from '../../store/feed-subject.ts'
import type { IntakeDeps } from '../deps.ts'
import { inTransaction, type Tx } from '../transaction.ts'
import { type Known, planSaid, type SaidPlan } from './plan-said.ts'
import type { Feed, Said, Taken } from './said.ts'
import { writeSaid } from './write-said.ts'

/** Statements that are written in one transaction. */
const CHUNK = 500

/**
 * Takes what a feed says, in one delivery: departures fall due at once, and more of them than the feed's policy lets pass are held until
 * a person decides (`decideHeld`). Of one subject the last statement counts. Answers what came of each, in their order.
 */
export async function takeStatements(feed: Feed, said: readonly Said[], deps: IntakeDeps): Promise<Taken[]> {
  await prepareToTake(deps)
  const last = [...new Map(said.map((each) => [each.key, each])).values()]
  const deliveryId = newId()
  const mass = last.length > 1 && (await isMass(deps.db, feed, await countDepartures(feed, last, deps), deps.now()))
  const taken: Taken[] = []
  for (let from = 0; from < last.length; from += CHUNK) {
    const chunk = last.slice(from, from + CHUNK)
    taken.push(...(await inTransaction(deps.db, (tx) => takeIn(tx, feed, chunk, deps, { deliveryId, mass: mass || undefined }))))
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
  delivery: { deliveryId: string; mass: boolean | undefined } = { deliveryId: newId(), mass: undefined },
): Promise<Taken[]> {
  const now = deps.now()
  const known = await readKnown(tx, feed, said, 'lock')
  const open = await openByKey(tx, feed, said)
  const plans = said
    .map((each) => ({ said: each, ...known(each) }))
    .map((each) => ({ ...each, plan: planSaid(feed, each.said, each.known, now) }))
  const departures = plans.filter(({ plan }) => departs(plan)).length
  // Who waits for the answer already is asked about once.
  const mass = delivery.mass ?? (await isMass(tx, feed, departures, now))
  const taken = await writeSaid(tx, feed, plans, { deps, now, open, mass, deliveryId: delivery.deliveryId })
  await heardFeed(tx, feed.id, now)
  return taken
}

/** Somebody who was here leaves, or is to be asked about. */
export function departs(plan: SaidPlan): boolean {
  return plan.says === 'terminated' || plan.says === 'suspended'
}

async function countDepartures(feed: Feed, said: readonly Said[], deps: IntakeDeps): Promise<number> {
  const now = deps.now()
  let count = 0
  for (let from = 0; from < said.length; from += CHUNK) {
    const chunk = said.slice(from, from + CHUNK)
    const known = await readKnown(deps.db, feed, chunk, 'look')
    count += chunk.filter((each) => departs(planSaid(feed, each, known(each).known, now))).length
  }
  return count
}

/** More leave than usually do: a wrong filter on their side, or a wrong mapping, looks the same. */
async function isMass(
  db: Queryable,
  { id, policy: { mass } }: Feed,
  departures: number,
  now: Temporal.Instant,
): Promise<boolean> {
  if (departures === 0) return false
  const before = await departuresSince(db, id, now.subtract({ milliseconds: mass.windowMs }))
  const count = before + departures
  if (count <= mass.least) return false
  return count > mass.share * ((await presentSubjects(db, id)) + before)
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
  const byName = new Map(rows.map((row) => [row.external_id, row]))
  const words = await subjectsOf(
    db,
    rows.map(({ id }) => id),
  )
  const named = new Map<string, string>()
  for (const { key, externalId } of said) if (!subjects.has(key) && !named.has(externalId)) named.set(externalId, key)
  return (each: Said): { known: Known; doubled: boolean } => {
    const subject = subjects.get(each.key)
    const identity = subject === undefined ? byName.get(each.externalId) : byId.get(subject.identity_id)
    const others = words.filter(
      (word) => word.identity_id === identity?.id && !(word.feed_id === feed.id && word.key === each.key),
    )
    return { known: { subject, identity, others }, doubled: subject === undefined && named.get(each.externalId) !== each.key }
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
