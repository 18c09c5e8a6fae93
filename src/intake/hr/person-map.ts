import { z } from 'zod'
import { RevenantError } from '../../domain/error.ts'
import { compilePointer, POINTER_FORM, type Pointer } from '../../domain/pointer.ts'

const pointer = z
  .string()
  .max(256)
  .regex(POINTER_FORM, { error: 'must be a JSON pointer (RFC 6901): begin with "/", write "~1" for "/" and "~0" for "~"' })
/** Of several the first that finds something counts. */
const where = () => z.union([pointer, z.array(pointer).min(1).max(5)]).exactOptional()

/** Where a document of an HR system says what of a person: JSON pointers from the person, or from the whole body where so said. */
export const personMap = z.strictObject({
  people: where().describe('From the body: a list of people. Left out: the body is one person.'),
  key: where().describe('Their stable id in the HR system.'),
  externalId: where().describe('What they are called here; left out: the key.'),
  name: where(),
  email: where(),
  status: where().describe('A word that statuses explains.'),
  type: where().describe('What has happened: a word that types explains. From the person, or else from the body.'),
  terminationDate: where().describe('The last day, YYYY-MM-DD, with or without a time, or an instant. Null or empty: none.'),
  terminationTime: where().describe('HH:MM. Left out: policy.terminationCutOff.'),
  timeZone: where().describe('Their IANA time zone. Left out: timeZone of the source, or policy.timeZone.'),
  hireDate: where().describe('YYYY-MM-DD: a termination before it is that of an earlier employment.'),
  at: where().describe('When it was said, an instant. From the person, or else from the body.'),
  event: where().describe('From the body: an id that no other event has.'),
})
export type PersonMap = z.output<typeof personMap>

/** What a word of the HR system means. `lookup`: the person is asked for. `ignore`: nothing of interest. `unsaid`: others tell. */
export const WORDS = ['active', 'inactive', 'deleted', 'suspended', 'terminated', 'unsaid', 'lookup', 'ignore'] as const
export type Word = (typeof WORDS)[number]

export const wordMap = () =>
  z
    .record(z.string().min(1).max(100), z.enum(WORDS))
    .refine((words) => Object.keys(words).length <= 200, { error: 'must have at most 200 words' })

export type Finder = Record<keyof PersonMap, Pointer | undefined>

/** Compiles the pointers of a map once. */
export function compileMap(map: PersonMap): Finder {
  const compiled = (of: string | readonly string[] | undefined): Pointer | undefined => {
    if (of === undefined) return undefined
    const pointers = [of].flat().map(compilePointer)
    return (document) => {
      let empty: unknown
      for (const find of pointers) {
        const found = find(document)
        if (found !== undefined && found !== null && found !== '') return found
        if (found !== undefined) empty = found
      }
      return empty
    }
  }
  const { people, key, externalId, name, email, status, type } = map
  const { terminationDate, terminationTime, timeZone, hireDate, at, event } = map
  return {
    ...{ people: compiled(people), key: compiled(key), externalId: compiled(externalId), name: compiled(name) },
    ...{ email: compiled(email), status: compiled(status), type: compiled(type), event: compiled(event), at: compiled(at) },
    ...{ terminationDate: compiled(terminationDate), terminationTime: compiled(terminationTime) },
    ...{ timeZone: compiled(timeZone), hireDate: compiled(hireDate) },
  }
}

/** The text at a place: null where it is empty, undefined where nothing is there. Throws `INPUT_INVALID` for what is no text. */
export function textAt(find: Pointer | undefined, of: unknown, name: keyof PersonMap, most: number): string | null | undefined {
  const value = find?.(of)
  if (value === undefined || value === null) return value
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
  if (typeof text !== 'string') throw new RevenantError('INPUT_INVALID', `${name} is no text`)
  const trimmed = text.trim()
  if (trimmed.length > most) throw new RevenantError('INPUT_INVALID', `${name} is longer than ${most} characters`)
  if (/\p{Cc}/u.test(trimmed) || !trimmed.isWellFormed())
    throw new RevenantError('INPUT_INVALID', `${name} has control characters`)
  return trimmed === '' ? null : trimmed
}
