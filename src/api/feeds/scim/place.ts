import type { Fact, Facts } from '../../../domain/leaf.ts'
import type { Attributes, Shape, ShapeAttribute } from './shape.ts'

/** Where in a resource a name points to. */
export interface Place {
  /** The extension's schema, where it is not of the resource's own. */
  extension: string | undefined
  attribute: ShapeAttribute
  sub: ShapeAttribute | undefined
}

/** What a name means: an attribute, or a schema as a whole; `extension` is undefined for the resource's own schema. */
export type Named = Place | { extension: string | undefined; attribute: undefined }

/** Finds what a name means, with or without its schema's URN, in any case (RFC 7644 §3.10). Undefined: no schema knows it. */
export function placeOf(shape: Shape, name: string): Named | undefined {
  const given = name.trim().toLowerCase()
  for (const [urn, { extension, attributes }] of schemasOf(shape)) {
    if (given === urn) return { extension, attribute: undefined }
    if (given.startsWith(`${urn}:`)) return within(attributes, given.slice(urn.length + 1), extension)
  }
  return within(shape.attributes, given, undefined)
}

function schemasOf({
  urn,
  attributes,
  extensions,
}: Shape): [string, { extension: string | undefined; attributes: Attributes }][] {
  const others = [...extensions].map(([name, each]): [string, { extension: string; attributes: Attributes }] => {
    return [name, { extension: each.urn, attributes: each.attributes }]
  })
  return [[urn.toLowerCase(), { extension: undefined, attributes }], ...others]
}

function within(attributes: Attributes, name: string, extension: string | undefined): Place | undefined {
  const [first = '', second, ...more] = name.split('.')
  const attribute = attributes.get(first)
  if (attribute === undefined || more.length > 0) return undefined
  if (second === undefined) return { extension, attribute, sub: undefined }
  const sub = attribute.subAttributes.get(second)
  return sub === undefined ? undefined : { extension, attribute, sub }
}

/** What is an object among what was JSON; undefined for anything else. */
export function objectOf(value: Fact | undefined): Facts | undefined {
  return typeof value === 'object' && value !== null && !isList(value) ? value : undefined
}

function isList(value: readonly Fact[] | Facts): value is readonly Fact[] {
  return Array.isArray(value)
}

/** The values that stand at a place, none where there are none. Of complex values without a sub-attribute: the values as a whole. */
export function valuesAt(resource: Facts, { extension, attribute, sub }: Place): Fact[] {
  const values = listOf((extension === undefined ? resource : objectOf(resource[extension]))?.[attribute.name])
  return sub === undefined ? values : values.flatMap((each) => listOf(objectOf(each)?.[sub.name]))
}

export function listOf(value: Fact | undefined): Fact[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}
