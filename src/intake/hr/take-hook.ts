import { hash } from 'node:crypto'
import { RevenantError } from '../../domain/error.ts'
import { heardFeed, isFirstEvent } from '../../store/feed.ts'
import { type FeedSubjectRow, findSubjects } from '../../store/feed-subject.ts'
import type { IntakeDeps } from '../deps.ts'
import type { Feed, Taken } from '../feed/said.ts'
import { prepareToTake, takeIn } from '../feed/take.ts'
import { inTransaction } from '../transaction.ts'
import { authorizationOf, openHr } from './ask-hr.ts'
import type { Hook, Lookup } from './hook.ts'
import { type Person, peopleOf, type ReadPerson, readPerson, saidAt, saidOf } from './person.ts'
import { textAt } from './person-map.ts'

/** What came of one request. */
export interface HookTaken {
  /** It came before, and nothing was done. */
  repeated: boolean
  taken: Taken[]
  /** Why people of the body were passed over; the others were taken. */
  faults: HookFault[]
}

/** Why somebody was passed over. */
export interface HookFault {
  /** Undefined where it cannot be told who it is. */
  key: string | undefined
  /** Quotes nothing. */
  message: string
  /** When it was said. */
  at: Temporal.Instant
  /** Another try may bring it: the request is to come again. */
  again: boolean
}

export interface HookContext {
  deps: IntakeDeps
  readReference(reference: string): Promise<string>
}

const MOST_PEOPLE = 500
/** The sender waits for the answer. */
const MOST_LOOKUPS = 50
const LOOKUP_MS = 10_000
const LOOKUPS_MS = 25_000

/**
 * Takes what a verified request says, in one transaction with the note that it came: the same request again does nothing. Throws
 * `INPUT_INVALID` where the body names no people. Where the HR system cannot be asked nobody is taken: there is a fault for each of those
 * whom it names.
 */
export async function takeHook(
  feed: Feed,
  hook: Hook,
  request: { body: unknown; replayKey: string },
  context: HookContext,
): Promise<HookTaken> {
  const { deps } = context
  const begun = deps.now()
  const faults: HookFault[] = []
  const read = peopleOf(request.body, hook.event.find, MOST_PEOPLE).flatMap((document) =>
    readOne(document, request.body, hook.event, begun, faults),
  )
  const event = textAt(hook.event.find.event, request.body, 'event', 512)
  const known = await findSubjects(
    deps.db,
    feed.id,
    read.map(({ key }) => key),
  )
  const people = await lookUpAll(read, known, hook.lookup, { ...context, faults, begun })
  if (people.length === 0 && faults.length > 0) return { repeated: false, taken: [], faults }
  const replayKey = event === undefined || event === null ? request.replayKey : hash('sha256', `event:${event}`, 'hex')
  await prepareToTake(deps)
  return inTransaction(deps.db, async (tx) => {
    const now = deps.now()
    // What was taken in part may come again once the rest can be understood.
    if (faults.length === 0 && !(await isFirstEvent(tx, feed.id, replayKey, now))) return { repeated: true, taken: [], faults }
    const before = await findSubjects(
      tx,
      feed.id,
      people.map(({ key }) => key),
    )
    const said = people.flatMap((person) => saidOf(person, beforeOf(before.get(person.key)), begun) ?? [])
    const last = [...new Map(said.map((each) => [each.key, each])).values()]
    if (last.length === 0) await heardFeed(tx, feed.id, now)
    const taken = last.length === 0 ? [] : await takeIn(tx, feed, last, deps)
    return { repeated: false, taken, faults }
  })
}

function beforeOf(subject: FeedSubjectRow | undefined) {
  return subject === undefined ? undefined : { standing: subject.standing, terminatedAt: subject.terminated_at }
}

interface LookContext extends HookContext {
  faults: HookFault[]
  begun: Temporal.Instant
}

/** The same, where the HR system cannot be asked at all: a fault of everybody about whom it would have been asked. */
async function lookUpAll(
  people: readonly Person[],
  known: ReadonlyMap<string, unknown>,
  lookup: Lookup | undefined,
  context: LookContext,
): Promise<Person[]> {
  try {
    return await lookUp(people, known, lookup, context)
  } catch (error) {
    if (!(error instanceof RevenantError) || people.length === 0) throw error
    const again = error.code !== 'INPUT_INVALID'
    const asked = people.filter((person) => isAsked(person, known))
    context.faults.push(...asked.map((person) => faultOf(person, error.message, again, context.begun)))
    return people.filter((person) => !isAsked(person, known))
  }
}

function faultOf({ key, at }: Person, message: string, again: boolean, begun: Temporal.Instant): HookFault {
  return { key, message, at: at === undefined || isAfter(at, begun) ? begun : at, again }
}

function isAsked({ key, type, externalId }: Person, known: ReadonlyMap<string, unknown>): boolean {
  return type !== 'ignore' && (type === 'lookup' || (externalId === undefined && !known.has(key)))
}

/** Asks for those of whom the event does not tell enough. */
async function lookUp(
  people: readonly Person[],
  known: ReadonlyMap<string, unknown>,
  lookup: Lookup | undefined,
  context: LookContext,
): Promise<Person[]> {
  const asked = people.filter((person) => isAsked(person, known))
  if (asked.length > MOST_LOOKUPS && lookup !== undefined)
    throw new RevenantError('INPUT_INVALID', `more than ${MOST_LOOKUPS} people of one request would have to be asked for`)
  const answers = lookup === undefined || asked.length === 0 ? new Map<Person, Person>() : await askAll(asked, lookup, context)
  return people.flatMap((person) => {
    const answer = answers.get(person)
    if (lookup !== undefined && answer === undefined && isAsked(person, known)) return []
    const found = answer === undefined ? person : merged(person, answer)
    if (found.type === 'ignore' || found.externalId !== undefined || known.has(found.key)) return [found]
    // What the HR system does not tell of somebody today may be filled in tomorrow.
    const again = answer !== undefined
    context.faults.push(faultOf(person, 'externalId is missing, and nobody is known by the key', again, context.begun))
    return []
  })
}

/**
 * What has happened, and when, is told by the event; everything else by the answer. Events are ordered by the clock of the HR system
 * alone: by ours, one that is behind would make what comes next look old.
 */
function merged(event: Person, answer: Person): Person {
  if (event.type === 'lookup') return { ...answer, type: undefined, at: event.at }
  const { externalId, name, email } = answer
  return { ...event, externalId, name: event.name ?? name, email: event.email ?? email }
}

async function askAll(
  people: readonly Person[],
  lookup: Lookup,
  { readReference, faults, begun }: LookContext,
): Promise<Map<Person, Person>> {
  const user = lookup.user === undefined ? undefined : await readReference(lookup.user)
  const authorization = authorizationOf(lookup.auth, user, await readReference(lookup.password))
  const client = openHr(lookup.origin)
  const signal = AbortSignal.timeout(LOOKUPS_MS)
  const answers = new Map<Person, Person>()
  try {
    for (const person of people) {
      const path = lookup.path.replace('{key}', () => encodeURIComponent(person.key))
      const ask = {
        path,
        authorization,
        timeoutMs: LOOKUP_MS,
        signal,
        ...(lookup.json === undefined ? {} : { json: lookup.json }),
      }
      try {
        const document = await client.ask(ask)
        answers.set(person, readPerson(document, document, lookup.read, person.key))
      } catch (error) {
        if (!(error instanceof RevenantError) || error.code === 'SOURCE_UNREACHABLE') throw error
        faults.push(faultOf(person, `somebody could not be asked for: ${error.message}`, error.code !== 'SOURCE_REFUSED', begun))
      }
    }
  } finally {
    await client.close()
  }
  return answers
}

/** What a document says of a person; a fault, and nobody, where that cannot be understood. */
function readOne(document: unknown, body: unknown, { find, ...words }: ReadPerson, begun: Temporal.Instant, faults: HookFault[]) {
  try {
    return [readPerson(document, body, { find, ...words })]
  } catch (error) {
    if (!(error instanceof RevenantError) || error.code !== 'INPUT_INVALID') throw error
    const key = attempt(() => textAt(find.key, document, 'key', 512)) ?? undefined
    const at = attempt(() => saidAt(document, body, { find, ...words }))
    faults.push({ key, message: error.message, at: at === undefined || isAfter(at, begun) ? begun : at, again: false })
    return []
  }
}

function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

function isAfter(a: Temporal.Instant, b: Temporal.Instant): boolean {
  return Temporal.Instant.compare(a, b) > 0
}
