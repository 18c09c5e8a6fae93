import { isDeepStrictEqual } from 'node:util'
import type { Fact, Facts } from '../../../domain/leaf.ts'
import { booleanOf, ScimFault } from './fault.ts'
import { listOf, objectOf, type Place, placeOf } from './place.ts'
import type { Attributes, Shape, ShapeAttribute } from './shape.ts'

/**
 * A resource as a client wrote it, with the names of the schema: those of attributes and of schemas are told apart by no case
 * (RFC 7643 §2.1), and what stands under the resource's own schema belongs to it. Unknown names are left out, and nulls: they say that
 * nothing is assigned (§2.5). Throws `ScimFault` for an attribute that is written twice, and for an `active` that is not understood.
 */
export function foldResource(shape: Shape, given: Facts): Facts {
  const folded: Record<string, Fact> = {}
  const active = activeWatch(shape)
  fold(shape, given, folded, active)
  if (folded.active !== undefined) active.said(folded.active)
  active.check()
  return folded
}

function fold(shape: Shape, given: Facts, folded: Record<string, Fact>, active: ActiveWatch): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === null) continue
    const named = placeOf(shape, name)
    if (named === undefined) active.unknown(name, value)
    else if (named.attribute !== undefined) put(folded, named, value)
    else if (named.extension === undefined) fold(shape, wholeOf(value), folded, active)
    else
      for (const [each, of] of Object.entries(wholeOf(value))) {
        const within = placeOf(shape, `${named.extension}:${each}`)
        if (within?.attribute === undefined) active.unknown(each, of)
        else if (of !== null) put(folded, within, of)
      }
  }
}

/** What stands under the name of a schema. */
export function wholeOf(value: Fact): Facts {
  const whole = objectOf(value)
  if (whole === undefined) throw new ScimFault(400, 'invalidValue', 'under the name of a schema stands an object')
  return whole
}

function put(folded: Record<string, Fact>, { extension, attribute, sub }: Place, value: Fact): void {
  const of = extension === undefined ? folded : (objectOf(folded[extension]) ?? {})
  const before = of[attribute.name]
  // A name with a dot is no attribute of a list.
  if (sub !== undefined && attribute.multiValued) return
  const after = sub === undefined ? foldValue(attribute, value) : { ...objectOf(before), [sub.name]: foldValue(sub, value) }
  const replaced = sub === undefined ? before : objectOf(before)?.[sub.name]
  if (replaced !== undefined && !isDeepStrictEqual(replaced, sub === undefined ? after : objectOf(after)?.[sub.name]))
    throw new ScimFault(400, 'invalidSyntax', `${sub?.name ?? attribute.name} is written twice, and not alike`)
  if (extension === undefined) folded[attribute.name] = after
  else folded[extension] = { ...of, [attribute.name]: after }
}

/** A value with the names of its attribute's schema, and with booleans where those are due. */
export function foldValue(attribute: ShapeAttribute, value: Fact): Fact {
  if (!attribute.multiValued || !Array.isArray(value)) return foldOne(attribute, value)
  return listOf(value).flatMap((each) => (each === null ? [] : [foldOne(attribute, each)]))
}

/** One value: of an attribute that has many, one of them. */
export function foldOne({ type, multiValued, subAttributes }: ShapeAttribute, given: Fact): Fact {
  const value = multiValued ? given : onlyValue(given, type)
  if (type === 'boolean') return booleanOf(value)
  if (type !== 'complex') return value
  // Entra gives a manager by id alone.
  if (typeof value === 'string' && !multiValued && subAttributes.has('value')) return { value }
  const whole = objectOf(value)
  return whole === undefined ? value : foldSubAttributes(subAttributes, whole)
}

function foldSubAttributes(attributes: Attributes, whole: Facts): Facts {
  const folded: Record<string, Fact> = {}
  for (const [name, value] of Object.entries(whole)) {
    const sub = attributes.get(name.trim().toLowerCase())
    if (sub !== undefined) folded[sub.name] = foldValue(sub, value)
  }
  return folded
}

/** The single value that a client sends as a list of one: `[{ "$ref": null, "value": "False" }]` is Entra's. */
function onlyValue(value: Fact, type: string): Fact {
  if (!Array.isArray(value)) return value
  const [only, ...more] = listOf(value)
  if (only === undefined || more.length > 0) return value
  const { value: within, ...rest } = objectOf(only) ?? {}
  const wraps = type !== 'complex' && within !== undefined && Object.keys(rest).every((name) => name === '$ref')
  return wraps ? within : only
}

/** Watches that nothing which a request says of `active` is passed over: whoever has left would stay. */
export interface ActiveWatch {
  /** Whether anything that was understood spoke of it. */
  spoke(): boolean
  /** What it is to be. Throws `ScimFault` for anything but a boolean. */
  said(value: Fact): void
  /** A name that no schema knows was passed over. */
  unknown(name: string, value: Fact | undefined): void
  /** Throws `ScimFault` where only a name that is not understood spoke of it. */
  check(): void
}

export function activeWatch({ attributes }: Shape): ActiveWatch {
  let [said, strange] = [false, false]
  return {
    spoke: () => said,
    said: (value) => {
      if (typeof value !== 'boolean') throw new ScimFault(400, 'invalidValue', 'active is true or false')
      said = true
    },
    unknown: (name, value) => {
      const under = name.trim().toLowerCase().startsWith('urn:')
        ? listOf(value).flatMap((each) => Object.keys(objectOf(each) ?? {}))
        : []
      strange ||= [name.split(/[.:]/).at(-1) ?? '', ...under].some((each) => each.trim().toLowerCase() === 'active')
    },
    check: () => {
      if (strange && !said && attributes.has('active'))
        throw new ScimFault(400, 'invalidPath', 'active is written under a name that no schema here knows')
    },
  }
}

/**
 * What `active` is to be by a request of which the rest cannot be taken, from its names with their values: the last word. Undefined
 * where it is not spoken of, or where a word of it is no boolean: then nobody knows.
 */
export function lastActive(shape: Shape, named: readonly (readonly [string, Fact])[]): boolean | undefined {
  const words = activeWords(shape, named)
  const last = words.at(-1)
  return typeof last === 'boolean' && words.every((word) => typeof word === 'boolean') ? last : undefined
}

function activeWords(shape: Shape, named: readonly (readonly [string, Fact])[]): Fact[] {
  return named.flatMap(([name, value]) => {
    const place = placeOf(shape, name)
    if (place === undefined || place.extension !== undefined) return []
    if (place.attribute === undefined) return activeWords(shape, Object.entries(objectOf(value) ?? {}))
    return place.attribute.name === 'active' ? [foldOne(place.attribute, value)] : []
  })
}
