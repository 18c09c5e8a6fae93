import type { GrantFacts, GrantKind } from '../domain/grant.ts'
import { compilePointer, type Pointer } from '../domain/pointer.ts'
import { INVENTORY_TEMPLATES, type InventoryList } from './inventory-schema.ts'
import { compileValue } from './predicate.ts'
import type { ScopeOf } from './template.ts'

export type PersonScope = ScopeOf<'target' | 'person' | 'item'>

/** A grant that a list shows. Its texts are the system's: for eyes, cut and cleaned. */
export interface ListedGrant {
  list: string
  kind: GrantKind
  key: string
  title: string
  facts: GrantFacts
}

const LONGEST_TEXT = 200
const LONGEST_KEY = 400
const MOST_SCOPES = 100
/** From the midnight with which a day begins in UTC to the one with which it ends at UTC-12. */
const DAY_OVER_MS = 36 * 3_600_000

/** Whose an item of a list is. `nobody`: it has a place for that, and there is nothing in it. */
export type Whose = 'person' | 'other' | 'nobody'

/**
 * What tells whose an item of a list is. Undefined where it does not say so at all, though nothing declares that it may (`sees`): a system
 * that leaves that out for whoever may see less would otherwise show nothing of anybody.
 */
export function compileWhose(
  of: Pick<InventoryList, 'match' | 'sees'>,
): (item: unknown, scope: PersonScope) => Whose | undefined {
  const seen = [of.sees ?? []].flat()
  const matches = Object.entries(of.match ?? {}).map(([pointer, text]) => {
    const above = pointer.split('/').flatMap((_, at, tokens) => (at < 2 ? [] : [compilePointer(tokens.slice(0, at).join('/'))]))
    const mayLack = seen.some((each) => pointer === each || pointer.startsWith(`${each}/`))
    return { find: compilePointer(pointer), template: INVENTORY_TEMPLATES.compile(text), above, mayLack }
  })
  return (item, scope) => {
    const told = matches.map(({ find, template, above, mayLack }): Whose | undefined => {
      const found = find(item)
      if (found === undefined && !mayLack && !above.some((each) => each(item) === null)) return undefined
      if (isNothing(found)) return 'nobody'
      const wanted = template.render(scope)?.toLowerCase()
      return wanted !== undefined && [found].flat().some((each) => wordOf(each)?.toLowerCase() === wanted) ? 'person' : 'other'
    })
    if (told.includes(undefined)) return undefined
    return told.includes('other') ? 'other' : told.includes('nobody') ? 'nobody' : 'person'
  }
}

/** What tells whether an item stands, by tests of its members. */
export function compileOnly(only: InventoryList['only']): (item: unknown) => boolean {
  const tests = Object.entries(only ?? {}).map(([pointer, test]) => ({
    find: compilePointer(pointer),
    holds: compileValue(test),
  }))
  return (item) => tests.every(({ find, holds }) => holds(find(item)))
}

/** Nothing stands in a member. */
export function isNothing(found: unknown): boolean {
  return found === undefined || found === null || found === ''
}

/**
 * What makes a grant of an item; undefined where it has no key: then the answer is not what is documented.
 *
 * @param outer what sets apart the items of the list that it hangs on, or the thing of a log; empty without one
 */
export function compileGrant(
  list: InventoryList,
): (item: unknown, outer: string, isQuote: (text: string) => boolean) => ListedGrant | undefined {
  const keys = [list.key ?? []].flat().map(compilePointer)
  const titles = [list.fields.title ?? []].flat().map(compilePointer)
  const kinds = list.kinds.map(({ when, kind }) => ({ kind, holds: compileOnly(when) }))
  const scopes = optional(list.fields.scopes)
  const times = (['createdAt', 'lastUsedAt', 'expiresAt'] as const).map((name) => ({ name, find: optional(list.fields[name]) }))
  return (item, outer, isQuote) => {
    const parts = keys.map((find) => wordOf(find(item)))
    if (parts.some((part) => part === undefined || part === '')) return undefined
    const key = [...(outer === '' ? [] : [outer]), ...parts].join(' ')
    if (!isKey(key) || isQuote(key)) return undefined
    const safe = (text: string, most = LONGEST_TEXT) => {
      const cleaned = clean(text, most)
      return isQuote(cleaned) ? '' : cleaned
    }
    const title = titles.map((find) => safe(wordOf(find(item)) ?? '')).find((text) => text !== '')
    const listed = scopesOf(scopes(item))
      .map((scope) => safe(scope))
      .filter((scope) => scope !== '')
      .slice(0, MOST_SCOPES)
    const facts: GrantFacts = listed.length === 0 ? {} : { scopes: listed }
    for (const { name, find } of times) {
      const at = instantOf(find(item))
      if (at !== undefined) facts[name] = at
    }
    const kind = kinds.find(({ holds }) => holds(item))?.kind ?? list.kind
    return { list: list.id, kind, key, title: title ?? list.label, facts }
  }
}

/** Whether a text tells one thing from another in the database as it does here. */
export function isKey(text: string): boolean {
  return text !== '' && text.length <= LONGEST_KEY && text === clean(text, LONGEST_KEY)
}

/** Pointers that a list's grants are made of, and its items told by. */
export function pointersOf({ key, kinds, fields, until, log }: InventoryList): string[] {
  const tests = [...kinds.map(({ when }) => when), ...(log === undefined ? [] : [log.match, log.begins, log.suspends, log.ends])]
  return [
    ...[key, until, ...Object.values(fields), log?.of, log?.at].flatMap((each) => each ?? []),
    ...tests.flatMap((each) => Object.keys(each ?? {})),
  ]
}

/** What tells whether the time after which an item is over has passed. A day is over when it is so everywhere. */
export function compileOver({ until }: Pick<InventoryList, 'until'>): (item: unknown, nowMs: number) => boolean {
  const find = optional(until)
  return (item, nowMs) => {
    const found = find(item)
    const at = instantOf(found)
    if (at === undefined) return false
    return Date.parse(at) + (typeof found === 'string' && /^\d{4}-\d\d-\d\d$/.test(found) ? DAY_OVER_MS : 0) < nowMs
  }
}

/** A string or a number as text. */
export function wordOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined
}

function optional(pointer: string | undefined): Pointer {
  return pointer === undefined ? () => undefined : compilePointer(pointer)
}

/** One line that the database takes. */
function clean(text: string, most: number): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, most)
    .toWellFormed()
}

/** A list of words, words with blanks or commas between them, or an object of them: `{ repository: { contents: read } }`. */
function scopesOf(value: unknown, depth = 0): string[] {
  if (typeof value === 'string') return value.split(/[\s,]+/).filter((word) => word !== '')
  if (Array.isArray(value)) return value.flatMap((each) => wordOf(each) ?? [])
  if (typeof value !== 'object' || value === null || depth > 1) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === 'string' ? [`${name}:${inner}`] : scopesOf(inner, depth + 1),
  )
}

/** RFC 3339, or the time since 1970 in seconds or milliseconds; 0 says never. */
export function instantOf(value: unknown): string | undefined {
  const count =
    typeof value === 'number' ? value : typeof value === 'string' && /^\d{9,14}$/.test(value) ? Number(value) : undefined
  if (count !== undefined) {
    if (!Number.isFinite(count) || count <= 0 || count > 8.64e15) return undefined
    return new Date(count > 1e11 ? count : count * 1_000).toISOString()
  }
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d/.test(value)) return undefined
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString()
}
