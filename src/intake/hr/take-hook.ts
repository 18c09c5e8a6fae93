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
import { type Person, peopleOf, readPerson, saidOf } from './person.ts'
import { textAt } from './person-map.ts'

/** What came of one request. */
export interface HookTaken {
  /** It came before, and nothing was done. */
  repeated: boolean
  taken: Taken[]
  /** Why people of the body were passed over: sentences that quote nothing. The others were taken. */
  faults: string[]
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
 * `INPUT_INVALID` where nothing of it can be understood; `SOURCE_UNREACHABLE` and `SECRET_UNAVAILABLE` where it can be later, and
 * nothing is done then.
 */
export async function takeHook(
  feed: Feed,
  hook: Hook,
  request: { body: unknown; replayKey: string },
  context: HookContext,
): Promise<HookTaken> {
  const { deps } = context
  const begun = deps.now()
  const faults: string[] = []
  const read = peopleOf(request.body, hook.event.find, MOST_PEOPLE).flatMap((document): Person[] =>
    attempt(faults, () => readPerson(document, request.body, hook.event)),
  )
  const event = textAt(hook.event.find.event, request.body, 'event', 512)
  const known = await findSubjects(
    deps.db,
    feed.id,
    read.map(({ key }) => key),
  )
  const people = await lookUp(read, known, hook.lookup, faults, context)
  const [first] = faults
  if (people.length === 0 && first !== undefined) throw new RevenantError('INPUT_INVALID', first)
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

/** Asks for those of whom the event does not tell enough. */
async function lookUp(
  people: readonly Person[],
  known: ReadonlyMap<string, unknown>,
  lookup: Lookup | undefined,
  faults: string[],
  context: HookContext,
): Promise<Person[]> {
  const needs = ({ key, type, externalId }: Person) =>
    type !== 'ignore' && (type === 'lookup' || (externalId === undefined && !known.has(key)))
  const asked = people.filter(needs)
  if (asked.length > MOST_LOOKUPS && lookup !== undefined)
    throw new RevenantError('INPUT_INVALID', `more than ${MOST_LOOKUPS} people of one request would have to be asked for`)
  const answers =
    lookup === undefined || asked.length === 0 ? new Map<Person, Person>() : await askAll(asked, lookup, faults, context)
  return people.flatMap((person) => {
    const answer = answers.get(person)
    if (lookup !== undefined && answer === undefined && needs(person)) return []
    const found = answer === undefined ? person : merged(person, answer)
    if (found.type === 'ignore' || found.externalId !== undefined || known.has(found.key)) return [found]
    faults.push('externalId is missing, and nobody is known by the key')
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
  faults: string[],
  { readReference }: HookContext,
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
        faults.push(`somebody could not be asked for: ${error.message}`)
      }
    }
  } finally {
    await client.close()
  }
  return answers
}

function attempt<Value>(faults: string[], read: () => Value): Value[] {
  try {
    return [read()]
  } catch (error) {
    if (!(error instanceof RevenantError) || error.code !== 'INPUT_INVALID') throw error
    faults.push(error.message)
    return []
  }
}
