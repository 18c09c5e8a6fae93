import { RevenantError } from '../../domain/error.ts'
import type { Said, SaidStanding } from '../feed/said.ts'
import { type DayEnd, localInstant, parseInstant } from '../instant.ts'
import { type Finder, textAt, type Word } from './person-map.ts'

/** What a document says of one person. */
export interface Person {
  key: string
  /** Undefined: it does not say; whoever is known by the key is meant. */
  externalId: string | undefined
  name: string | null | undefined
  email: string | null | undefined
  /** What has happened, by the type of the event. Undefined: it has none. */
  type: Word | undefined
  /** By the status. Undefined: it has none. */
  status: Word | undefined
  /** The last day. Null: there is none, and the document says so. */
  terminatedAt: Temporal.Instant | null | undefined
  hiredAt: Temporal.Instant | undefined
  /** When it was said. */
  at: Temporal.Instant | undefined
}

export interface ReadPerson {
  find: Finder
  /** Lower-case words. */
  statuses: ReadonlyMap<string, Word>
  types: ReadonlyMap<string, Word>
  dayEnd: DayEnd
}

/** The lists of words, for `ReadPerson`. */
export function lowerCase(words: Readonly<Record<string, Word>>): Map<string, Word> {
  return new Map(Object.entries(words).map(([word, means]) => [word.toLowerCase(), means]))
}

/** The people of a body. Throws `INPUT_INVALID`. */
export function peopleOf(body: unknown, { people }: Finder, most: number): unknown[] {
  if (people === undefined) return [body]
  const list = people(body)
  if (!Array.isArray(list)) throw new RevenantError('INPUT_INVALID', 'people finds no list')
  if (list.length > most) throw new RevenantError('INPUT_INVALID', `people finds more than ${most} people`)
  return list
}

/**
 * Reads what a document says of a person. Throws `INPUT_INVALID` that names the part and quotes nothing.
 *
 * @param key where the document need not say whom it is about: the answer to a question
 */
export function readPerson(
  document: unknown,
  body: unknown,
  { find, statuses, types, dayEnd }: ReadPerson,
  key?: string,
): Person {
  const text = (name: 'key' | 'externalId' | 'name' | 'email' | 'status' | 'timeZone' | 'terminationTime', most: number) =>
    textAt(find[name], document, name, most)
  const is = key ?? text('key', 512) ?? undefined
  if (is === undefined) throw new RevenantError('INPUT_INVALID', 'key is missing')
  const type = either(find, 'type', document, body) ?? undefined
  const zone = text('timeZone', 100) ?? null
  const time = text('terminationTime', 20) ?? null
  return {
    key: is,
    externalId: find.externalId === undefined ? is : (text('externalId', 256) ?? undefined),
    name: text('name', 512),
    email: text('email', 512),
    // Events of which nobody said anything are none of ours; a status that nobody explained is somebody's.
    type: type === undefined ? undefined : (types.get(type.toLowerCase()) ?? 'ignore'),
    status: statusOf(text('status', 200) ?? undefined, statuses),
    terminatedAt: momentOf(textAt(find.terminationDate, document, 'terminationDate', 64), 'terminationDate', time, zone, dayEnd),
    hiredAt: momentOf(textAt(find.hireDate, document, 'hireDate', 64), 'hireDate', '00:00', zone, dayEnd) ?? undefined,
    at: saidAt(document, body, { find, dayEnd }),
  }
}

/** When a document was said; undefined where it does not say. Throws `INPUT_INVALID`. */
export function saidAt(document: unknown, body: unknown, { find, dayEnd }: Pick<ReadPerson, 'find' | 'dayEnd'>) {
  return momentOf(either(find, 'at', document, body), 'at', '00:00', 'UTC', dayEnd) ?? undefined
}

/** Of one person, or of the body as a whole. */
function either(find: Finder, name: 'type' | 'at', document: unknown, body: unknown): string | null | undefined {
  return textAt(find[name], document, name, 200) ?? textAt(find[name], body, name, 200)
}

function statusOf(status: string | undefined, statuses: ReadonlyMap<string, Word>): Word | undefined {
  if (status === undefined) return undefined
  const word = statuses.get(status.toLowerCase())
  if (word === undefined) throw new RevenantError('INPUT_INVALID', 'status is a word that statuses does not explain')
  return word
}

// 2026-01-31, 2026-01-31T17:00, 2026-01-31 17:00:00.000, and the date with an offset that Workday writes (xsd:date).
const LOCAL = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?)(?:\.\d{1,9})?|[Zz]|[+-]\d\d:\d\d)?$/
/** An offset without its colon, as ISO 8601 and BambooHR write it. */
const BARE_OFFSET = /([+-]\d\d)(\d\d)$/

function momentOf(
  text: string | null | undefined,
  name: 'terminationDate' | 'hireDate' | 'at',
  time: string | null,
  zone: string | null,
  dayEnd: DayEnd,
): Temporal.Instant | null | undefined {
  // No date, as MySQL and those who write it write it.
  if (text === null || text === undefined || text === '0000-00-00') return text === undefined ? undefined : null
  const instant = parseInstant(text.includes(':') ? text.replace(BARE_OFFSET, '$1:$2') : text)
  if (instant !== undefined) return instant
  const [, date, clock] = LOCAL.exec(text) ?? []
  if (date === undefined) throw new RevenantError('INPUT_INVALID', `${name} must be YYYY-MM-DD or an instant`)
  try {
    return localInstant(date, clock ?? time, zone, dayEnd)
  } catch (error) {
    throw error instanceof RevenantError ? new RevenantError('INPUT_INVALID', `${name}: ${error.message}`) : error
  }
}

/** What is known of a subject when a person is spoken of. */
export interface Before {
  standing: string
  terminatedAt: Temporal.Instant | null
}

/**
 * What is said of a person, as the feed takes it; undefined where nothing is said that matters here. What happened counts before the
 * status, and a last day before both where they do not deny it:
 *
 * - a last day to come: they leave then, whatever the status is today;
 * - one that has passed: they left then, though the status may lag behind, unless they were hired after it;
 * - none, where the document has a place for it, or a status that means active: they are here, and what was said before is taken back;
 * - an event that means they are gone: at the time of the event, or earlier where that is known. Inactive and suspended take no
 *   departure back: HR systems tell of both.
 */
export function saidOf(person: Person, before: Before | undefined, now: Temporal.Instant): Said | undefined {
  const { key, name, email } = person
  const spoken = person.type === undefined || person.type === 'unsaid' || person.type === 'lookup' ? person.status : person.type
  if (spoken === 'ignore') return undefined
  const at = person.at === undefined || isAfter(person.at, now) ? now : person.at
  return {
    key,
    externalId: person.externalId ?? key,
    name,
    email,
    at,
    standing: standingOf(person, spoken ?? 'unsaid', before, at),
  }
}

function standingOf(person: Person, word: Word, before: Before | undefined, at: Temporal.Instant): SaidStanding {
  const { terminatedAt, hiredAt } = person
  const gone = before?.standing === 'terminated' ? before.terminatedAt : null
  const left = gone !== null && !isAfter(gone, at) ? gone : null
  if (word === 'deleted') return { is: 'deleted' }
  const dated = terminatedAt ?? undefined
  const earlier = hiredAt !== undefined && dated !== undefined && isAfter(hiredAt, dated)
  // Somebody is hired: what has passed by then was another employment.
  const hired = person.type === 'active' && dated !== undefined && !isAfter(dated, at)
  if (dated !== undefined && !earlier && !hired) return { is: 'terminated', at: dated }
  if (word === 'terminated') return { is: 'terminated', at: left ?? at }
  if (word === 'inactive' || word === 'suspended')
    return { is: left !== null || (gone !== null && terminatedAt === undefined) ? 'unsaid' : word }
  if (word === 'active' || terminatedAt === null || earlier) return { is: 'active' }
  return { is: 'unsaid' }
}

function isAfter(a: Temporal.Instant, b: Temporal.Instant): boolean {
  return Temporal.Instant.compare(a, b) > 0
}
