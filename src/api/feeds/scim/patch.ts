import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { Fact, Facts } from '../../../domain/leaf.ts'
import { ScimFault } from './fault.ts'
import { equalsOf, type Filter, isWantedValue, parseValueFilter } from './filter.ts'
import { type ActiveWatch, activeWatch, foldOne, foldValue, lastActive, wholeOf } from './fold.ts'
import { listOf, objectOf, type Place, placeOf } from './place.ts'
import type { Shape, ShapeAttribute } from './shape.ts'

const PATCH_OP = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'

const lowerNames = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name.toLowerCase(), each]))
    : value

const operationSchema = z.preprocess(
  lowerNames,
  z.object({
    op: z
      .string()
      .transform((op) => op.toLowerCase())
      .pipe(z.enum(['add', 'replace', 'remove'])),
    path: z.string().min(1).max(1_000).optional(),
    value: z.json().optional(),
  }),
)
const patchSchema = z.preprocess(
  lowerNames,
  z.object({ schemas: z.array(z.string()).optional(), operations: z.array(operationSchema).min(1).max(1_000) }),
)
type Operation = z.output<typeof operationSchema>

/**
 * What a resource is after a patch (RFC 7644 §3.5.2), in the dialects of the providers: they write names and booleans in any case, name
 * values that are not there yet, put paths where names are due, and say again what a resource is called. Names that no schema knows are
 * passed over where no path names them. Throws `ScimFault`.
 */
export function applyPatch(shape: Shape, { id, data }: { id: string; data: Facts }, body: unknown): Patched {
  const active = activeWatch(shape)
  let current = data
  // One by one: whether a value is there to be replaced depends on what came before.
  for (const operation of operationsOf(body)) current = applied({ shape, id, active }, current, operation)
  active.check()
  return { data: current, spoke: active.spoke() }
}

export interface Patched {
  data: Facts
  /** Whether the patch says anything of `active`, though it says what stands there already. */
  spoke: boolean
}

/** What `active` is to be by a patch of which the rest cannot be taken; see `lastActive`. */
export function patchedActive(shape: Shape, body: unknown): boolean | undefined {
  const operations = patchSchema.safeParse(body).data?.operations ?? []
  const named = operations.flatMap(({ op, path, value = null }): [string, Fact][] => {
    // Whoever takes it away says nothing that is understood.
    if (path !== undefined) return [[path, op === 'remove' ? null : value]]
    return op === 'remove' ? [] : Object.entries(objectOf(value) ?? {})
  })
  return lastActive(shape, named)
}

function operationsOf(body: unknown): Operation[] {
  const parsed = patchSchema.safeParse(body)
  if (!parsed.success)
    throw new ScimFault(
      400,
      'invalidSyntax',
      `a patch must have Operations with op, path and value (${parsed.error.issues[0]?.path.join('.') ?? ''})`,
    )
  const { schemas, operations } = parsed.data
  if (schemas?.some((each) => each.toLowerCase() === PATCH_OP.toLowerCase()) !== true)
    throw new ScimFault(400, 'invalidSyntax', `schemas must name ${PATCH_OP}`)
  return operations
}

interface Patching {
  shape: Shape
  id: string
  active: ActiveWatch
}

function applied(patching: Patching, current: Facts, { op, path, value }: Operation): Facts {
  if (path !== undefined) return appliedAt(patching, current, { op, path, value, lenient: false })
  if (op === 'remove') throw new ScimFault(400, 'noTarget', 'remove needs a path')
  const whole = objectOf(value)
  if (whole === undefined) throw new ScimFault(400, 'invalidValue', `${op} without a path needs an object`)
  return appliedAll(patching, current, op, Object.entries(whole))
}

function appliedAll(patching: Patching, current: Facts, op: Operation['op'], named: readonly (readonly [string, Fact])[]): Facts {
  return named.reduce((facts, [path, value]) => appliedAt(patching, facts, { op, path, value, lenient: true }), current)
}

interface Addressed {
  op: Operation['op']
  path: string
  value: Fact | undefined
  /** Passed over where no schema knows its path. */
  lenient: boolean
}

function appliedAt(patching: Patching, current: Facts, { op, path, value, lenient }: Addressed): Facts {
  const { shape, id, active } = patching
  const target = targetOf(shape, path)
  if (target === undefined) {
    active.unknown(path, value)
    if (!lenient) throw new ScimFault(400, 'invalidPath', 'no schema here knows the path')
    return current
  }
  if (op !== 'remove' && value === undefined) throw new ScimFault(400, 'invalidValue', `${op} needs a value`)
  if (target.attribute === undefined) {
    const { extension } = target
    if (op !== 'remove' && value !== undefined) {
      const under = extension === undefined ? '' : `${extension}:`
      return appliedAll(
        patching,
        current,
        op,
        Object.entries(wholeOf(value)).map(([name, each]) => [`${under}${name}`, each] as const),
      )
    }
    if (extension === undefined) throw new ScimFault(400, 'noTarget', 'a whole resource is removed by DELETE')
    return withMember(current, extension, undefined)
  }
  if (isServers(target.attribute)) {
    if (target.attribute.name === 'id' && value !== id) throw new ScimFault(400, 'mutability', 'an id stays as it is')
    return current
  }
  const change: Change = op === 'remove' ? { op, value } : { op, value: value ?? null }
  if (target.extension === undefined && target.attribute.name === 'active')
    active.said(change.op === 'remove' ? null : foldOne(target.attribute, change.value))
  return written(current, target, change)
}

/** What the server alone writes, and which of its schemas a resource has. */
function isServers({ name, readOnly }: ShapeAttribute): boolean {
  return readOnly || name === 'meta' || name === 'schemas'
}

type Target = (Place & { filter: Filter | undefined }) | { extension: string | undefined; attribute: undefined }

/** `attribute`, `attribute.sub`, `attribute[filter]`, `attribute[filter].sub`, each with or without a schema before it. */
const PATH = /^([^[\]]+)(?:\[(.*)\](?:\.([A-Za-z$][\w$-]*))?)?$/s

function targetOf(shape: Shape, path: string): Target | undefined {
  const [, name, filter, part] = PATH.exec(path.trim()) ?? []
  const named = name === undefined ? undefined : placeOf(shape, name)
  if (filter === undefined || named === undefined) return named?.attribute === undefined ? named : { ...named, filter: undefined }
  const { attribute } = named
  if (attribute === undefined || named.sub !== undefined || !attribute.multiValued) return undefined
  const sub = part === undefined ? undefined : attribute.subAttributes.get(part.toLowerCase())
  if (part !== undefined && sub === undefined) return undefined
  return { ...named, sub, filter: parseValueFilter(attribute, filter) }
}

type Change = { op: 'add' | 'replace'; value: Fact } | { op: 'remove'; value: Fact | undefined }
type Written = Place & { filter: Filter | undefined }

function written(current: Facts, target: Written, change: Change): Facts {
  const { extension, attribute } = target
  const of = extension === undefined ? current : (objectOf(current[extension]) ?? {})
  const held = of[attribute.name]
  const after = attribute.multiValued ? many(listOf(held), target, change) : single(held, target, change)
  const changed = withMember(of, attribute.name, after)
  if (extension === undefined) return changed
  return withMember(current, extension, Object.keys(changed).length === 0 ? undefined : changed)
}

/** Null and undefined take a member away. */
function withMember(facts: Facts, name: string, value: Fact | undefined): Facts {
  const { [name]: _, ...rest } = facts
  return value === undefined || value === null ? rest : { ...rest, [name]: value }
}

function single(held: Fact | undefined, { attribute, sub }: Place, change: Change): Fact | undefined {
  if (sub !== undefined) return memberSet(held ?? {}, sub, change)
  if (change.op === 'remove') return undefined
  const value = foldValue(attribute, change.value)
  const [before, whole] = [objectOf(held), objectOf(value)]
  // What is not named of a complex attribute stays (RFC 7644 §3.5.2.3).
  return attribute.type === 'complex' && before !== undefined && whole !== undefined ? { ...before, ...whole } : value
}

function memberSet(of: Fact, sub: ShapeAttribute, change: Change): Fact {
  return withMember(objectOf(of) ?? {}, sub.name, change.op === 'remove' ? undefined : foldValue(sub, change.value))
}

function many(held: Fact[], { attribute, sub, filter }: Written, change: Change): Fact[] | undefined {
  const whole = sub === undefined && filter === undefined
  const after = whole ? manyWhole(held, attribute, change) : manyChosen(held, { attribute, sub, filter }, change)
  return after.length === 0 ? undefined : after
}

function manyWhole(held: Fact[], attribute: ShapeAttribute, change: Change): Fact[] {
  if (change.op === 'remove' && change.value === undefined) return []
  const given = listOf(change.value).map((each) => foldOne(attribute, each))
  if (change.op === 'replace') return given
  const covering = coveringAmong(held)
  // Entra names members to be removed by their values.
  if (change.op === 'remove') {
    const gone = new Set(given.flatMap(covering))
    return held.filter((each) => !gone.has(each))
  }
  const added = given.filter((one) => covering(one).length === 0)
  return [...(added.some(isPrimary) ? held.map(demoted) : held), ...added]
}

/** Finds among values those that have all that another one has. By what their first members are: groups have thousands of members. */
function coveringAmong(held: readonly Fact[]): (one: Fact) => Fact[] {
  const byMember = new Map<string, Map<string, Fact[]>>()
  const among = (name: string) => Map.groupBy(held, (each) => JSON.stringify(objectOf(each)?.[name] ?? null))
  return (one) => {
    const whole = objectOf(one) ?? {}
    const named = Object.keys(whole).filter((name) => whole[name] !== null)
    const name = whole.value === undefined || whole.value === null ? named[0] : 'value'
    if (name === undefined) return held.filter((each) => covers(each, one))
    const index = byMember.get(name) ?? among(name)
    byMember.set(name, index)
    return (index.get(JSON.stringify(whole[name])) ?? []).filter((each) => covers(each, one))
  }
}

function manyChosen(held: Fact[], { attribute, sub, filter }: Omit<Written, 'extension'>, change: Change): Fact[] {
  const isChosen = (each: Fact) => filter === undefined || isWantedValue(filter, each)
  const into = (each: Fact): Fact => {
    if (sub !== undefined) return memberSet(each, sub, change)
    const value = foldOne(attribute, change.value ?? null)
    const whole = objectOf(value)
    return change.op === 'add' && whole !== undefined ? { ...objectOf(each), ...whole } : value
  }
  if (change.op === 'remove')
    return held.flatMap((each) => (isChosen(each) ? (sub === undefined ? [] : [into(each)]) : [each])).filter(isAnything)
  if (held.some(isChosen)) {
    const makesPrimary = held.some((each) => isChosen(each) && !isPrimary(each) && isPrimary(into(each)))
    return held.map((each) => (isChosen(each) ? into(each) : makesPrimary ? demoted(each) : each))
  }
  // Providers name values that are not there yet: what is to be equal says what they are.
  const equals = filter === undefined ? {} : equalsOf(filter)
  if (equals === undefined) throw new ScimFault(400, 'noTarget', 'no value is what the path wants')
  const fresh = sub === undefined ? { ...equals, ...objectOf(into({})) } : into(equals)
  return [...(isPrimary(fresh) ? held.map(demoted) : held), fresh]
}

/** Whether a value has all that another one has. */
function covers(value: Fact, other: Fact): boolean {
  const [a, b] = [objectOf(value), objectOf(other)]
  if (a === undefined || b === undefined) return isDeepStrictEqual(value, other)
  const members = Object.entries(b).filter(([, each]) => each !== null)
  return members.length > 0 && members.every(([name, each]) => a[name] === each || isDeepStrictEqual(a[name], each))
}

function isPrimary(value: Fact): boolean {
  return objectOf(value)?.primary === true
}

/** One value at most is the primary one (RFC 7643 §2.4). */
function demoted(value: Fact): Fact {
  return isPrimary(value) ? { ...objectOf(value), primary: false } : value
}

function isAnything(value: Fact): boolean {
  const whole = objectOf(value)
  return whole === undefined || Object.keys(whole).length > 0
}
