import { z } from 'zod'
import { RevenantError } from '../../domain/error.ts'
import { compilePointer } from '../../domain/pointer.ts'
import { findSubjects, presentKeys } from '../../store/feed-subject.ts'
import type { Said } from '../feed/said.ts'
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

interface ReadReport {
  people: Map<string, Person>
  faults: string[]
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
  const { people, faults } = await readReport(options, read, startedAt, context)
  const said = await saidOfAll([...people.values()], faults, context)
  if (options.complete) {
    if (people.size === 0)
      throw new RevenantError('SOURCE_REFUSED', 'the report lists nobody, and complete is set: everybody would be gone')
    if (faults.length === 0) said.push(...(await missing(people, context)))
  }
  await takeStatements(feed, said, deps)
  const [first] = faults
  if (first !== undefined) {
    const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''
    throw new RevenantError('INPUT_INVALID', `some people of the report were passed over: ${first}${more}`)
  }
  await context.move({ readAt: startedAt.toString() })
}

async function saidOfAll(people: readonly Person[], faults: string[], { feed, deps }: PullContext): Promise<Said[]> {
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
      const each = saidOf(person, stood, deps.now())
      if (each !== undefined) said.push(each)
    }
  }
  return said
}

async function missing(people: ReadonlyMap<string, Person>, { feed, deps }: PullContext): Promise<Said[]> {
  const present = await presentKeys(deps.db, feed.id)
  return present.flatMap(({ key, external_id }) =>
    people.has(key) ? [] : [{ key, externalId: external_id, standing: { is: 'deleted' as const } }],
  )
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
  const report: ReadReport = { people: new Map(), faults: [] }
  const pathOf = pages(options, read.dayEnd.timeZone, now, context)
  try {
    let path: string | undefined = pathOf(0)
    for (let page = 0; path !== undefined; page++) {
      if (page >= MOST_PAGES) throw new RevenantError('SOURCE_REFUSED', `the report has more than ${MOST_PAGES} pages`)
      const document = await client.ask({ path, authorization, timeoutMs: options.timeout, signal: context.signal })
      const listed = peopleIn(document, read)
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

function addPeople(listed: readonly unknown[], document: unknown, read: ReadPerson, { people, faults }: ReadReport): void {
  let fresh = 0
  for (const each of listed) {
    try {
      const person = readPerson(each, document, read)
      if (!people.has(person.key)) fresh++
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
