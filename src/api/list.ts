import { hash } from 'node:crypto'
import { z } from 'zod'
import { type PageAsk, type SortKey, type SortKeys, sortKeys } from '../store/keyset.ts'
import { Problem } from './problem.ts'

/** What every list takes beside its filters. */
export interface ListQuery<Sort extends string> {
  limit: number
  cursor?: string | undefined
  sort: Sort | `-${Sort}`
}

type Sorts<Sort extends string> = Readonly<Record<Sort, SortKeys>>

/**
 * The query of a list: its filters, `limit`, `cursor` and `sort`.
 *
 * @param usual the sort where none is asked for
 */
export function listQuery<Filters extends z.ZodRawShape, Sort extends string>(
  filters: Filters,
  sorts: Sorts<Sort>,
  usual: NoInfer<Sort | `-${Sort}`>,
) {
  const names = sortNames(sorts)
  const error = `must be one of ${names.join(', ')}`
  return z.strictObject({
    ...filters,
    limit: limit(),
    cursor: cursor(),
    sort: z
      .enum(names.map(String), { error })
      .default(usual)
      .pipe(z.custom<Sort | `-${Sort}`>((sort) => names.some((name) => name === sort)))
      .describe(`One of ${names.join(', ')}; with a \`-\` in falling order. Left out: ${usual}.`),
  })
}

function sortNames<Sort extends string>(sorts: Sorts<Sort>): (Sort | `-${Sort}`)[] {
  const names: (Sort | `-${Sort}`)[] = []
  for (const name in sorts) names.push(name, `-${name}`)
  return names
}

const NO_CURSOR = 'must be the `next` of an answer to the same query'
const LIMIT = 'must be a whole number from 1 to 500'

export function cursor() {
  return z
    .string({ error: 'must be given once' })
    .max(4_000, { error: NO_CURSOR })
    .exactOptional()
    .describe('The `next` of the answer before, for the same query. Left out: from the beginning.')
}

export function limit() {
  return z
    .string({ error: LIMIT })
    .regex(/^[1-9][0-9]{0,2}$/, { error: LIMIT, abort: true })
    .transform(Number)
    .pipe(z.int().max(500, { error: LIMIT }))
    .default(50)
    .describe('Rows at most, 1 to 500. Left out: 50.')
}

/** What a store is asked for a query: one row more than is told, which says whether there is a next page. Throws a `Problem` (400) for a cursor that does not fit. */
export function askOf<Sort extends string, Query extends ListQuery<Sort>>(query: Query, sorts: Sorts<Sort>): PageAsk<Sort> {
  const { cursor, sort } = query
  return { sort, limit: query.limit + 1, after: cursor === undefined ? undefined : placeIn(cursor, query, sortKeys(sorts, sort)) }
}

/** The answer to a query from the rows that a store gave for `askOf` it. */
export function listAnswer<Row extends { keys: string[] }>(
  query: ListQuery<string>,
  rows: readonly Row[],
): { body: { items: Omit<Row, 'keys'>[]; next: string | null }; next?: string } {
  const shown = rows.slice(0, query.limit)
  const last = rows.length > query.limit ? shown.at(-1) : undefined
  const next = last === undefined ? undefined : cursorOf(query, last.keys)
  const items = shown.map(({ keys: _, ...item }) => item)
  return { body: { items, next: next ?? null }, ...(next === undefined ? {} : { next }) }
}

/** A place in one list in one order: what was asked stands in it as a digest, so that it is not taken to another question. */
function cursorOf(query: ListQuery<string>, keys: readonly string[]): string {
  return Buffer.from(JSON.stringify([questionOf(query), ...keys])).toString('base64url')
}

const cursorSchema = z.tuple([z.string()], z.string())

function placeIn(cursor: string, query: ListQuery<string>, keys: SortKeys): readonly string[] {
  const parsed = cursorSchema.safeParse(jsonOf(cursor))
  if (!parsed.success) throw misfit()
  const [question, ...places] = parsed.data
  if (question !== questionOf(query) || places.length !== keys.length) throw misfit()
  if (!keys.every(({ type }, at) => FITS[type](places[at] ?? ''))) throw misfit()
  return places
}

function misfit(): Problem {
  return new Problem(400, `cursor ${NO_CURSOR}`, [{ field: 'cursor', message: NO_CURSOR }])
}

function jsonOf(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return undefined
  }
}

/** How many rows are told at a time may change from page to page. */
function questionOf({ limit: _limit, cursor: _cursor, ...rest }: ListQuery<string>): string {
  const asked = Object.entries(rest).filter(([, value]) => value !== undefined)
  return hash('sha256', JSON.stringify(asked.toSorted(([a], [b]) => (a < b ? -1 : 1))), 'base64url').slice(0, 12)
}

const INFINITE = /^-?infinity$/
const INSTANT = /^[0-9]{4,5}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?\+00$/

/** What the database reads back without a fault. */
const FITS: Record<SortKey['type'], (value: string) => boolean> = {
  timestamptz: (value) => INFINITE.test(value) || (INSTANT.test(value) && isInstant(value)),
  text: (value) => value.isWellFormed() && !value.includes('\0'),
  uuid: (value) => z.guid().safeParse(value).success,
  integer: (value) => /^-?[0-9]{1,9}$/.test(value),
}

function isInstant(text: string): boolean {
  try {
    Temporal.Instant.from(text)
    return true
  } catch {
    return false
  }
}
