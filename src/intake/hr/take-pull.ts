import { z } from 'zod'
import { RevenantError } from '../../domain/error.ts'
import type { Facts } from '../../domain/leaf.ts'
import { compilePointer } from '../../domain/pointer.ts'
import { findSubjects, type PresentSubject, presentKeys } from '../../store/feed-subject.ts'
import { askWhereNamed, type Bearer } from '../feed/named-elsewhere.ts'
import type { Said } from '../feed/said.ts'
import { absentFrom, bringInto, enterScope, tellScope } from '../feed/scope.ts'
import { takeStatements } from '../feed/take.ts'
import type { PullContext } from '../sources/source.ts'
import { authorizationOf, openHr } from './ask-hr.ts'
import { lowerCase, type Person, peopleOf, type ReadPerson, readPerson, saidOf } from './person.ts'
import { compileMap } from './person-map.ts'
import { type HrisOptions, WORKDAY_MAP, WORKDAY_STATUSES } from './pull-options.ts'

const MOST_PEOPLE = 500_000
const MOST_PAGES = 2_000
const CHUNK = 500

const positionSchema = z.object({ readAt: z.string() })

/** Readings of one pull, at most, where pages shift. */
const MOST_READINGS = 4

interface ReadReport {
  people: Map<string, Person>
  faults: string[]
  /** Keys in the order in which they came, also those that came twice. */
  order: string[]
  pages: number
}

/**
 * Reads a report to its end, and then takes what it says, in one delivery. Throws `SOURCE_UNREACHABLE` and `SOURCE_REFUSED` where it
 * could not be read whole, and nothing is taken then; `INPUT_INVALID` after the rest is taken, where people could not be understood.
 */
export async function takePull(options: HrisOptions, context: PullContext): Promise<void> {
  const { feed, deps } = context
  const startedAt = deps.now()
  const read: ReadPerson = {
    find: compileMap({ ...WORKDAY_MAP, ...options.map }),
    statuses: lowerCase({ ...WORKDAY_STATUSES, ...options.statuses }),
    types: new Map(),
    dayEnd: { terminationCutOff: deps.policy.terminationCutOff, timeZone: options.timeZone ?? deps.policy.timeZone },
  }
  const account = options.user === undefined ? null : context.fingerprint(await context.readReference(options.user))
  const scope = enterScope(context.position, peopleAsked(options, account), startedAt)
  const here = options.complete ? await presentKeys(deps.db, feed.id, scope.periods) : []
  const { people, faults, missing, outOfSight, shifting } = await readSettled(options, here, () =>
    readReport(options, read, startedAt, context),
  )
  const said = await saidOfAll([...people.values()], faults, startedAt, context)
  if (faults.length === 0) said.push(...askWhereNamed(missing.map(deletedOf), bearersOf(people.values())))
  // Before anything is taken: whoever is named now was named under this scope, whatever comes in between.
  await context.move({ ...context.position, ...scope.kept })
  await takeStatements(feed, said, deps, startedAt)
  await bringInto(context, scope, people.keys())
  const [first] = faults
  if (first !== undefined) {
    const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''
    throw new RevenantError('INPUT_INVALID', `some people of the report were passed over: ${first}${more}`)
  }
  if (shifting)
    throw new RevenantError(
      'SOURCE_REFUSED',
      `${MOST_READINGS} readings of the report differ, so that nobody is called gone: have its pages sorted by what never changes, or one page for all`,
    )
  const kept = await tellScope(context, scope, options.complete ? outOfSight.length : undefined)
  await context.move({ readAt: startedAt.toString(), ...kept })
}

/** What decides who is in the report. @param account a fingerprint of the user's name: a reference may be renamed */
function peopleAsked({ origin, path, map }: HrisOptions, account: string | null): Facts {
  const { people, key } = { ...WORKDAY_MAP, ...map }
  return { origin, path, account, people: [people ?? []].flat(), key: [key ?? []].flat() }
}

interface Settled extends Pick<ReadReport, 'people' | 'faults'> {
  missing: PresentSubject[]
  outOfSight: PresentSubject[]
  /** No two readings were alike. */
  shifting: boolean
}

/**
 * Reads a report; where somebody is missing from one of several pages, until two readings one after the other are the same list. Whoever
 * is removed from a list, or moved in it, while its pages are read shifts others from a page that comes to one that was read already:
 * they are on no page, and still here. The next reading is another list then: it lacks whoever was removed.
 */
async function readSettled(
  { complete }: HrisOptions,
  here: readonly PresentSubject[],
  readOnce: () => Promise<ReadReport>,
): Promise<Settled> {
  const people = new Map<string, Person>()
  let before: ReadReport | undefined
  for (let reading = 1; ; reading++) {
    const report = await readOnce()
    if (complete && report.people.size === 0)
      throw new RevenantError('SOURCE_REFUSED', 'the report lists nobody, and complete is set: everybody would be gone')
    // Who was on a list a moment ago is here; of two words the later counts.
    for (const [key, person] of report.people) people.set(key, person)
    const { faults } = report
    const { missing, outOfSight } = absentFrom(people, here)
    const whole = report.pages === 1 || missing.length === 0 || faults.length > 0
    if (whole || (before !== undefined && isSameList(before.order, report.order)))
      return { people, faults, missing, outOfSight, shifting: false }
    if (reading === MOST_READINGS) return { people, faults, missing: [], outOfSight, shifting: true }
    before = report
  }
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, n) => key === b[n])
}

function deletedOf({ key, external_id }: PresentSubject): Said {
  return { key, externalId: external_id, standing: { is: 'deleted' } }
}

function bearersOf(people: Iterable<Person>): Bearer[] {
  return [...people].flatMap(({ key, externalId }) => (externalId === undefined ? [] : [{ key, externalId }]))
}

async function saidOfAll(
  people: readonly Person[],
  faults: string[],
  startedAt: Temporal.Instant,
  { feed, deps }: PullContext,
): Promise<Said[]> {
  const said: Said[] = []
  for (let from = 0; from < people.length; from += CHUNK) {
    const chunk = people.slice(from, from + CHUNK)
    const known = await findSubjects(
      deps.db,
      feed.id,
      chunk.map(({ key }) => key),
    )
    for (const person of chunk) {
      const before = known.get(person.key)
      const stood = before === undefined ? undefined : { standing: before.standing, terminatedAt: before.terminated_at }
      if (person.externalId === undefined && before === undefined) {
        faults.push('externalId is missing, and nobody is known by the key')
        continue
      }
      const each = saidOf(person, stood, startedAt)
      // A report says how things stand as it is read: who was not on the last one is on this one, though nothing of him has changed.
      if (each !== undefined) said.push({ ...each, at: startedAt })
    }
  }
  return said
}

async function readReport(
  options: HrisOptions,
  read: ReadPerson,
  now: Temporal.Instant,
  context: PullContext,
): Promise<ReadReport> {
  const user = options.user === undefined ? undefined : await context.readReference(options.user)
  const password = await context.readReference(options.password)
  const authorization = authorizationOf(user === undefined ? 'bearer' : 'basic', user, password)
  const client = openHr(options.origin)
  const report: ReadReport = { people: new Map(), faults: [], order: [], pages: 0 }
  const pathOf = pages(options, read.dayEnd.timeZone, now, context)
  try {
    let path: string | undefined = pathOf(0)
    for (let page = 0; path !== undefined; page++) {
      if (page >= MOST_PAGES) throw new RevenantError('SOURCE_REFUSED', `the report has more than ${MOST_PAGES} pages`)
      const document = await client.ask({ path, authorization, timeoutMs: options.timeout, signal: context.signal })
      const listed = peopleIn(document, read)
      report.pages++
      addPeople(listed, document, read, report)
      path = nextOf(options, document, listed.length, () => pathOf(page + 1))
    }
  } finally {
    await client.close()
  }
  return report
}

function peopleIn(document: unknown, { find }: ReadPerson): unknown[] {
  try {
    return peopleOf(document, find, MOST_PEOPLE)
  } catch (error) {
    throw error instanceof RevenantError ? new RevenantError('SOURCE_REFUSED', `the report: ${error.message}`) : error
  }
}

function addPeople(listed: readonly unknown[], document: unknown, read: ReadPerson, { people, faults, order }: ReadReport): void {
  let fresh = 0
  for (const each of listed) {
    try {
      const person = readPerson(each, document, read)
      if (!people.has(person.key)) fresh++
      order.push(person.key)
      people.set(person.key, person)
    } catch (error) {
      if (!(error instanceof RevenantError) || error.code !== 'INPUT_INVALID') throw error
      fresh++
      faults.push(error.message)
    }
  }
  if (listed.length > 0 && fresh === 0)
    throw new RevenantError('SOURCE_REFUSED', 'the pages of the report repeat: look at how it is paged')
  if (people.size + faults.length > MOST_PEOPLE)
    throw new RevenantError('SOURCE_REFUSED', `the report lists more than ${MOST_PEOPLE} people`)
}

/** Where the page of a number is. */
function pages(
  { path, pageSize, window }: HrisOptions,
  zone: string,
  now: Temporal.Instant,
  { position }: PullContext,
): (page: number) => string {
  const readAt = positionSchema.safeParse(position).data?.readAt
  const last = readAt === undefined ? now : Temporal.Instant.from(readAt)
  const day = (at: Temporal.Instant) => at.toZonedDateTimeISO(zone).toPlainDate().toString()
  const since = last.subtract({ milliseconds: window.back })
  const values: Record<string, string> = {
    ...{ today: day(now), from: day(since), to: day(now.add({ milliseconds: window.ahead })) },
    ...{ since: since.toString({ smallestUnit: 'second' }), limit: String(pageSize) },
  }
  return (page) => {
    const here: Record<string, string> = { ...values, offset: String(page * pageSize), page: String(page + 1) }
    return path.replaceAll(/\{([a-z]+)\}/g, (whole, name: string) => encodeURIComponent(here[name] ?? whole))
  }
}

function nextOf(
  { next, path, pageSize, origin }: HrisOptions,
  document: unknown,
  listed: number,
  following: () => string,
): string | undefined {
  if (next === undefined) return listed >= pageSize && /\{(?:offset|page)\}/.test(path) ? following() : undefined
  const found = [next]
    .flat()
    .map((pointer) => compilePointer(pointer)(document))
    .find((each) => typeof each === 'string' && each !== '')
  if (typeof found !== 'string') return undefined
  const url = URL.parse(found, origin)
  // The credential goes nowhere else, whatever the answer names.
  if (url === null || url.origin !== origin) throw new RevenantError('SOURCE_REFUSED', 'the next page of the report is elsewhere')
  return `${url.pathname}${url.search}`
}
