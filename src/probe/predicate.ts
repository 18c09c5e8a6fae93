import { z } from 'zod'
import { compilePointer } from '../domain/pointer.ts'
import { type HttpAnswer, headerOf } from './http-answer.ts'
import { locationOf } from './location.ts'
import { compilePattern, patternSchema } from './pattern.ts'
import { pointerSchema } from './pointer.ts'

export type Predicate = (answer: HttpAnswer) => boolean

const scalar = z.union([z.string().max(512), z.number(), z.boolean()])
type Scalar = z.infer<typeof scalar>

/** How one value (a JSON member, a header, an attribute of a challenge) is tested. Every key given must hold. */
const valueTest = z
  .strictObject({
    equals: scalar.optional(),
    in: z.array(scalar).min(1).max(64).optional(),
    exists: z.boolean().optional(),
    type: z.enum(['string', 'number', 'boolean', 'object', 'array', 'null']).optional(),
    /** False: neither an empty string, an empty array nor an empty object. */
    empty: z.literal(false).optional(),
    contains: z.string().min(1).max(256).optional(),
    matches: patternSchema.optional(),
  })
  .refine(
    (test) => Object.keys(test).length > 0,
    'say how the value is tested: equals, in, exists, type, empty, contains, matches',
  )
const value = z.union([scalar, valueTest])
export type Value = z.infer<typeof value>
/** A plain value that must be equal, or a test. */
export const valueSchema = value

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9a-z-]+$/, 'a header name in lower case')
const statusTest = z.union([
  z.int().min(200).max(599),
  z.string().regex(/^(?:[2-5]xx|[2-5]\d\d-[2-5]\d\d)$/, 'a status, "4xx", or "500-504"'),
])

/** The conditions of a rule: all of those given must hold. The reference is docs/catalogue.md. */
export const whenSchema = z
  .strictObject({
    status: z.union([statusTest, z.array(statusTest).min(1).max(32)]).optional(),
    body: z
      .union([z.enum(['json', 'html', 'empty', 'other']), z.array(z.enum(['json', 'html', 'empty', 'other'])).min(1)])
      .optional(),
    contentType: z
      .string()
      .regex(/^[a-z0-9.+-]+\/[a-z0-9.+*-]+$/)
      .optional(),
    json: z.record(pointerSchema, value).optional(),
    header: z.record(headerName, value).optional(),
    /** A challenge of `WWW-Authenticate` with this scheme and these attributes. */
    challenge: z
      .strictObject({
        scheme: z.string().regex(/^[a-z][a-z0-9-]*$/, 'a scheme in lower case'),
        params: z.record(z.string(), value).optional(),
      })
      .optional(),
    /** Where a redirect points. `path` is compared without query and fragment. */
    location: z
      .strictObject({ origin: z.enum(['same', 'other']).optional(), host: value.optional(), path: value.optional() })
      .refine((test) => Object.keys(test).length > 0, 'say where the redirect points: origin, host, path')
      .optional(),
    /** Literal text, any of a list: only where the system has no code that a machine can read. */
    text: z.union([z.string().min(1).max(256), z.array(z.string().min(1).max(256)).min(1).max(16)]).optional(),
    /** A pattern over the first 4 KiB of text. */
    textMatches: patternSchema.optional(),
  })
  .refine((when) => Object.keys(when).length > 0, 'a rule needs at least one condition')
export type When = z.infer<typeof whenSchema>

/**
 * True when the conditions look at more than the status: at something the answer holds, not at what it lacks. Without that,
 * nothing tells an answer of the system from a page that somebody put in front of it.
 */
export function looksInside(when: When): boolean {
  return (
    Object.values(when.json ?? {}).some(isPositive) ||
    Object.values(when.header ?? {}).some(isPositive) ||
    when.challenge !== undefined ||
    when.text !== undefined ||
    when.textMatches !== undefined ||
    when.location !== undefined
  )
}

/**
 * True when the conditions compare a code that machines read: a whole value without blanks, or a redirect within the same origin.
 * Sentences, patterns and the mere presence of something are what a page in another language, or of another cause, shares.
 */
export function readsCode({ json, header, challenge, location }: When): boolean {
  const tests = [json, header, challenge?.params].flatMap((of) => Object.values(of ?? {}))
  return tests.some(isCode) || location?.origin === 'same'
}

function isCode(test: Value): boolean {
  if (typeof test !== 'object') return isCodeLike(test)
  if (test.in !== undefined) return test.in.every(isCodeLike)
  return test.equals !== undefined && isCodeLike(test.equals)
}

function isCodeLike(given: Scalar): boolean {
  return typeof given === 'number' || (typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given))
}

function isPositive(test: Value): boolean {
  return typeof test !== 'object' || test.exists !== false
}

/** True when no status outside the list can match: `within(when, 200, 299)`. */
export function statusesWithin(when: When, low: number, high: number): boolean {
  return when.status !== undefined && rangesOf(when.status).every(([from, to]) => from >= low && to <= high)
}

/** True when some status of the list can match. */
export function statusesMeet(when: When, low: number, high: number): boolean {
  return when.status === undefined || rangesOf(when.status).some(([from, to]) => from <= high && to >= low)
}

/** Compiles conditions into one closure, the cheap tests first: no body is decoded before the status fits. */
export function compileWhen(when: When): Predicate {
  const tests: Predicate[] = []
  if (when.status !== undefined) tests.push(compileStatus(when.status))
  for (const [name, test] of Object.entries(when.header ?? {})) {
    const holds = compileValue(test)
    tests.push((answer) => holds(headerOf(answer, name)))
  }
  if (when.challenge !== undefined) tests.push(compileChallenge(when.challenge))
  if (when.location !== undefined) tests.push(compileLocation(when.location))
  tests.push(...compileBody(when))
  const [first, second] = tests
  if (first !== undefined && tests.length === 1) return first
  if (first !== undefined && second !== undefined && tests.length === 2) return (answer) => first(answer) && second(answer)
  return (answer) => tests.every((test) => test(answer))
}

function compileBody(when: When): Predicate[] {
  const tests: Predicate[] = []
  const { contentType, textMatches } = when
  if (contentType !== undefined) tests.push((answer) => essence(headerOf(answer, 'content-type')) === contentType)
  if (when.body !== undefined) {
    const kinds: readonly string[] = [when.body].flat()
    tests.push((answer) => kinds.includes(answer.kind()))
  }
  for (const [pointer, test] of Object.entries(when.json ?? {})) {
    const find = compilePointer(pointer)
    const holds = compileValue(test)
    tests.push((answer) => {
      const document = answer.json()
      return document !== undefined && holds(find(document))
    })
  }
  if (when.text !== undefined) {
    const any = [when.text].flat()
    tests.push((answer) => any.some((text) => answer.text().includes(text)))
  }
  if (textMatches !== undefined) {
    const matches = compilePattern(textMatches)
    tests.push((answer) => matches(answer.text()))
  }
  return tests
}

function compileStatus(status: NonNullable<When['status']>): Predicate {
  const ranges = rangesOf(status)
  const [only] = ranges
  if (only !== undefined && ranges.length === 1) return ({ status: is }) => is >= only[0] && is <= only[1]
  return ({ status: is }) => ranges.some(([from, to]) => is >= from && is <= to)
}

function rangesOf(status: NonNullable<When['status']>): (readonly [number, number])[] {
  return [status].flat().map((item) => {
    if (typeof item === 'number') return [item, item]
    if (item.endsWith('xx')) return [Number(item[0]) * 100, Number(item[0]) * 100 + 99]
    const [from, to] = item.split('-').map(Number)
    return [from ?? 0, to ?? 0]
  })
}

function compileChallenge(wanted: NonNullable<When['challenge']>): Predicate {
  const params = Object.entries(wanted.params ?? {}).map(([name, test]) => ({
    name: name.toLowerCase(),
    holds: compileValue(test),
  }))
  return (answer) =>
    answer
      .challenges()
      .some((challenge) => challenge.scheme === wanted.scheme && params.every(({ name, holds }) => holds(challenge.params[name])))
}

function compileLocation(wanted: NonNullable<When['location']>): Predicate {
  const host = wanted.host === undefined ? undefined : compileValue(wanted.host)
  const path = wanted.path === undefined ? undefined : compileValue(wanted.path)
  return (answer) => {
    const target = locationOf(answer)
    if (target === undefined) return false
    if (wanted.origin !== undefined && (target.origin === answer.asked.origin) !== (wanted.origin === 'same')) return false
    return (host?.(target.hostname) ?? true) && (path?.(target.pathname) ?? true)
  }
}

/** Compiles the test of one value. */
export function compileValue(test: Value): (found: unknown) => boolean {
  if (typeof test !== 'object') return (found) => found === test
  const tests: ((found: unknown) => boolean)[] = []
  const { equals, exists, type, contains } = test
  if (equals !== undefined) tests.push((found) => found === equals)
  if (test.in !== undefined) {
    const set = new Set<unknown>(test.in satisfies Scalar[])
    tests.push((found) => set.has(found))
  }
  if (exists !== undefined) tests.push((found) => (found !== undefined) === exists)
  if (type !== undefined) tests.push((found) => typeOf(found) === type)
  if (test.empty === false) tests.push((found) => !isEmpty(found))
  if (contains !== undefined) tests.push((found) => typeof found === 'string' && found.includes(contains))
  if (test.matches !== undefined) {
    const matches = compilePattern(test.matches)
    tests.push((found) => typeof found === 'string' && matches(found))
  }
  return (found) => tests.every((holds) => holds(found))
}

function typeOf(found: unknown): string {
  if (found === null) return 'null'
  return Array.isArray(found) ? 'array' : typeof found
}

function isEmpty(found: unknown): boolean {
  if (found === undefined || found === null || found === '') return true
  return typeof found === 'object' && Object.keys(found).length === 0
}

function essence(contentType: string | undefined): string | undefined {
  return contentType?.split(';')[0]?.trim().toLowerCase()
}
