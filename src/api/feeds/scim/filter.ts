import type { Fact, Facts } from '../../../domain/leaf.ts'
import { parseInstant } from '../../../intake/instant.ts'
import { booleanOf, isKept, ScimFault } from './fault.ts'
import { listOf, objectOf, type Place, placeOf, valuesAt } from './place.ts'
import type { Attributes, Shape, ShapeAttribute } from './shape.ts'

const OPERATORS = ['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le', 'pr'] as const
type Operator = (typeof OPERATORS)[number]
type Literal = string | number | boolean | null

/** A condition on one attribute. */
interface Comparison {
  operator: Operator
  /** null for `pr`. */
  literal: Literal
}

/** A filter of RFC 7644 §3.4.2.2. */
export type Filter =
  | { is: 'and' | 'or'; of: Filter[] }
  | { is: 'not'; of: Filter }
  /** `place`: undefined for what no schema knows, which nobody has. */
  | { is: 'compare'; place: Place | undefined; by: Comparison }
  /** One value of a multi-valued attribute has all of it. */
  | { is: 'within'; place: Place; of: Filter }

/** Filters that are nested deeper are made to exhaust whoever follows them. */
const MOST_DEPTH = 50
const TOKEN =
  /\s*(?:(?<mark>[()[\]])|(?<text>"(?:[^"\\]|\\.)*")|(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.:-])|(?<word>\.?[A-Za-z$][\w$:.-]*))/y

/** Reads a filter on whole resources. Throws `ScimFault` for one that cannot be read. */
export function parseFilter(shape: Shape, text: string): Filter {
  return parse(text, (name) => {
    const named = placeOf(shape, name)
    return named?.attribute === undefined ? undefined : named
  })
}

/** Reads a filter on the values of one attribute: what stands in brackets. Its names are those of sub-attributes. */
export function parseValueFilter(attribute: ShapeAttribute, text: string): Filter {
  return parse(text, (name) => placeAmong(subAttributesOf(attribute), name))
}

/** An attribute whose values are not complex has its value for the only sub-attribute. */
function subAttributesOf(attribute: ShapeAttribute): Attributes {
  if (attribute.subAttributes.size > 0) return attribute.subAttributes
  return new Map([['value', { ...attribute, name: 'value', multiValued: false }]])
}

function placeAmong(attributes: Attributes, name: string): Place | undefined {
  const attribute = attributes.get(name.toLowerCase())
  return attribute === undefined ? undefined : { extension: undefined, attribute, sub: undefined }
}

type PlaceReader = (name: string) => Place | undefined

function parse(text: string, placeOfName: PlaceReader): Filter {
  const tokens = tokensOf(text)
  let at = 0
  const next = () => tokens[at++] ?? unreadable()
  const isWord = (word: string) => tokens[at]?.word?.toLowerCase() === word
  const expectMark = (mark: string) => next().mark === mark || unreadable()
  const chain = (is: 'and' | 'or', each: () => Filter): Filter => {
    const of = [each()]
    while (isWord(is)) {
      at++
      of.push(each())
    }
    const [only] = of
    return of.length === 1 && only !== undefined ? only : { is, of }
  }
  const either = (read: PlaceReader, depth: number): Filter => {
    if (depth > MOST_DEPTH) unreadable()
    return chain('or', () => chain('and', () => term(read, depth)))
  }
  const group = (read: PlaceReader, depth: number): Filter => {
    expectMark('(')
    const of = either(read, depth + 1)
    expectMark(')')
    return of
  }
  const term = (read: PlaceReader, depth: number): Filter => {
    if (isWord('not')) {
      at++
      return { is: 'not', of: group(read, depth) }
    }
    if (tokens[at]?.mark === '(') return group(read, depth)
    const { word = unreadable() } = next()
    if (word.startsWith('.') || word.endsWith('.')) unreadable()
    if (tokens[at]?.mark === '[') return valuePath(read(word), depth)
    return { is: 'compare', place: read(word), by: comparison() }
  }
  const comparison = (): Comparison => {
    const word = next().word?.toLowerCase()
    const operator = OPERATORS.find((each) => each === word) ?? unreadable()
    return { operator, literal: operator === 'pr' ? null : literalOf(next()) }
  }
  /** `emails[type eq "work"]`, and `emails[type eq "work"].value eq "x"`, which providers send though the grammar lacks it. */
  const valuePath = (place: Place | undefined, depth: number): Filter => {
    at++
    const attribute = place?.sub === undefined ? place?.attribute : undefined
    const read: PlaceReader = (name) => (attribute === undefined ? undefined : placeAmong(subAttributesOf(attribute), name))
    const of = either(read, depth + 1)
    expectMark(']')
    const after = tokens[at]?.word
    const tail: Filter[] = []
    if (after?.startsWith('.') === true) {
      at++
      tail.push({ is: 'compare', place: read(after.slice(1)), by: comparison() })
    }
    if (place === undefined || attribute === undefined) return { is: 'or', of: [] }
    return { is: 'within', place, of: tail.length === 0 ? of : { is: 'and', of: [of, ...tail] } }
  }
  const filter = either(placeOfName, 0)
  return at === tokens.length ? filter : unreadable()
}

interface Token {
  mark?: string | undefined
  text?: string | undefined
  number?: string | undefined
  word?: string | undefined
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  const end = text.trimEnd().length
  for (let at = 0; at < end; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at
    const groups = TOKEN.exec(text)?.groups
    if (groups === undefined) return unreadable()
    tokens.push(groups)
  }
  return tokens
}

function literalOf({ text, number, word }: Token): Literal {
  if (text !== undefined) return textOf(text)
  if (number !== undefined) return Number(number)
  const name = word?.toLowerCase()
  if (name === 'null') return null
  return name === 'true' ? true : name === 'false' ? false : unreadable()
}

function textOf(literal: string): string {
  let text: string
  try {
    text = String(JSON.parse(literal))
  } catch {
    return unreadable()
  }
  return isKept(text) ? text : unreadable()
}

function unreadable(): never {
  throw new ScimFault(400, 'invalidFilter', 'the filter cannot be read')
}

/** Whether a resource, or one value of an attribute, is what a filter wants. What it lacks matches nothing but `ne` and `eq null`. */
export function isWanted(filter: Filter, resource: Facts): boolean {
  switch (filter.is) {
    case 'and':
      return filter.of.every((each) => isWanted(each, resource))
    case 'or':
      return filter.of.some((each) => isWanted(each, resource))
    case 'not':
      return !isWanted(filter.of, resource)
    case 'within':
      return valuesAt(resource, filter.place).some((value) => isWantedValue(filter.of, value))
    default:
      return compared(filter.place, filter.by, resource)
  }
}

/** The same for one value of a multi-valued attribute, complex or not. */
export function isWantedValue(filter: Filter, value: Fact): boolean {
  return isWanted(filter, objectOf(value) ?? { value })
}

function compared(place: Place | undefined, { operator, literal }: Comparison, resource: Facts): boolean {
  const values = place === undefined ? [] : valuesAt(resource, place).filter(isSet)
  if (operator === 'pr') return values.length > 0
  if (place === undefined) return operator === 'ne' ? literal !== null : operator === 'eq' && literal === null
  const of = place.sub ?? place.attribute
  // Of a complex attribute without a sub-attribute its `value` is meant: `emails co "example.com"`.
  const main = of.type === 'complex' ? of.subAttributes.get('value') : of
  if (main === undefined)
    throw new ScimFault(400, 'invalidFilter', 'a complex attribute is compared by one of its sub-attributes')
  const leaves = main === of ? values : values.flatMap((each) => listOf(objectOf(each)?.[main.name]))
  const same = (leaf: Fact) => order(main, leaf, literal) === 0
  if (operator === 'eq') return literal === null ? leaves.length === 0 : leaves.some(same)
  if (operator === 'ne') return literal === null ? leaves.length > 0 : !leaves.some(same)
  refuseUnordered(main, operator)
  return leaves.some((leaf) => test(operator, main, leaf, literal))
}

/** Not null, not empty (RFC 7644 §3.4.2.2, `pr`). */
function isSet(value: Fact): boolean {
  if (value === null || value === '') return false
  return Array.isArray(value) ? value.length > 0 : typeof value !== 'object' || Object.values(value).some(isSet)
}

/** Booleans have no order (RFC 7644 §3.4.2.2, `gt`). */
function refuseUnordered({ type }: ShapeAttribute, operator: Operator): void {
  if (type === 'boolean')
    throw new ScimFault(400, 'invalidFilter', `a boolean is compared by eq, ne and pr, and not by ${operator}`)
}

function test(operator: Operator, attribute: ShapeAttribute, leaf: Fact, literal: Literal): boolean {
  if (operator === 'co' || operator === 'sw' || operator === 'ew') {
    if (typeof leaf !== 'string' || typeof literal !== 'string') return false
    const [text, part] = attribute.caseExact ? [leaf, literal] : [leaf.toLowerCase(), literal.toLowerCase()]
    return operator === 'co' ? text.includes(part) : operator === 'sw' ? text.startsWith(part) : text.endsWith(part)
  }
  const way = order(attribute, leaf, literal)
  if (way === undefined) return false
  if (operator === 'gt') return way > 0
  if (operator === 'ge') return way >= 0
  return operator === 'lt' ? way < 0 : way <= 0
}

/** Below 0, 0 or above: a value before, at or after a literal. Undefined: they cannot be compared. */
function order(attribute: ShapeAttribute, leaf: Fact, literal: Literal): number | undefined {
  // Entra writes "True" and "False" where booleans are due.
  const [a, b] = attribute.type === 'boolean' ? [booleanOf(leaf), booleanOf(literal)] : [leaf, literal]
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a !== 'string' || typeof b !== 'string') return undefined
  if (attribute.type === 'dateTime') {
    const [at, wanted] = [parseInstant(a), parseInstant(b)]
    return at === undefined || wanted === undefined ? undefined : Temporal.Instant.compare(at, wanted)
  }
  const [text, wanted] = attribute.caseExact ? [a, b] : [a.toLowerCase(), b.toLowerCase()]
  return text === wanted ? 0 : text < wanted ? -1 : 1
}

/** What a value has that a filter of nothing but `eq` and `and` wants; undefined for any other filter. */
export function equalsOf(filter: Filter): Facts | undefined {
  if (filter.is === 'compare') {
    const { place, by } = filter
    if (place === undefined || by.operator !== 'eq' || by.literal === null) return undefined
    return { [place.attribute.name]: place.attribute.type === 'boolean' ? booleanOf(by.literal) : by.literal }
  }
  if (filter.is !== 'and') return undefined
  const all = filter.of.map(equalsOf)
  return all.every((each) => each !== undefined) ? Object.assign({}, ...all) : undefined
}
