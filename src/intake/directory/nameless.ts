import { hash } from 'node:crypto'
import { clearFaults, faultKeys, noteFault } from '../../store/feed-fault.ts'
import type { Said, Taken } from '../feed/said.ts'
import type { Nameless } from './collect.ts'
import { attributesOf } from './options.ts'
import type { Reading } from './reading.ts'

/** So many faults the database keeps of one source. */
const MOST = 1_000

/** What a reading came to. */
interface Heard {
  nameless: readonly Nameless[]
  said: readonly Said[]
  /** What came of those about whom something was worth saying. */
  taken: readonly Taken[]
}

/**
 * Lets a fault stand for each nameless entry, until it is heard well: it may be somebody who has left. Taken back are those who have a name
 * now and of whom there is nothing to say, and, where everybody was asked for, those who are nameless no more or not there: as far as they
 * were noted while the same people were asked for, since an entry that another filter leaves out may be there still.
 */
export async function noteNameless(
  { context, options, now, people }: Reading,
  { nameless, said, taken }: Heard,
  full: boolean,
): Promise<void> {
  const { feed, deps, log } = context
  const { key: keyName, externalId } = attributesOf(options)
  const at = deps.now()
  // What came of those who were heard says itself whether their fault is over; of strangers nothing is said.
  const heard = new Set(taken.flatMap((each) => (isStranger(each) ? [] : [each.key])))
  const strangers = said.flatMap(({ key }) => (heard.has(key) ? [] : [key]))
  const well = new Set(
    taken.flatMap(({ key, identityId, fault }) => (identityId !== undefined && fault === undefined ? [key] : [])),
  )
  const unsaid = said.flatMap(({ key, standing }) => (standing.is === 'unsaid' && well.has(key) ? [key] : []))
  const still = new Set(nameless.map(faultKey))
  const noted = full ? await faultKeys(deps.db, feed.id, people.periods) : []
  const over = new Set([...strangers, ...unsaid, ...noted.filter((key) => !still.has(key) && !heard.has(key))])
  await clearFaults(
    deps.db,
    feed.id,
    [...over].map((key) => ({ key, saidAt: at })),
  )
  for (const each of nameless.slice(0, MOST)) {
    const lacks = each.key === undefined ? keyName : externalId
    const fault = `nobody hears of ${each.dn}: it has no usable ${lacks}. Give it one, or leave it out by a filter and dismiss this`
    await noteFault(deps.db, feed.id, { key: faultKey(each), fault, saidAt: now }, at)
  }
  if (nameless.length > 0) log('warn', 'nothing names some entries here', { entries: nameless.length })
}

/** Nobody is known by its key or its name, and nobody is added. */
function isStranger({ outcome, identityId, fault }: Taken): boolean {
  return outcome === 'ignored' && identityId === undefined && fault === undefined
}

/** A key is at most so long. */
const MOST_KEY = 512

/** An entry without a key has its fault by its place. */
function faultKey({ key, dn }: Nameless): string {
  if (key !== undefined) return key
  const place = `dn:${dn.toLowerCase()}`
  return place.length <= MOST_KEY ? place : `dn:${hash('sha256', place, 'base64url')}`
}
