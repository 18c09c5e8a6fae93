import { type RawBuilder, sql } from 'kysely'

/** A column that a list is sorted by, and how the database reads its printed value back. Never null. */
export interface SortKey {
  column: RawBuilder<unknown>
  type: 'timestamptz' | 'text' | 'uuid' | 'integer'
}
/** The last one is unique: no two rows share a place. */
export type SortKeys = readonly [SortKey, ...SortKey[]]

/** Of statements, which have one order, by a key of their own. */
export const PLACE_SORTS = { place: [{ column: sql`key`, type: 'text' }] } as const satisfies Record<string, SortKeys>

/** Where a page of a list begins and how long it may be. */
export interface PageAsk<Sort extends string> {
  /** With a `-` before it: in falling order. */
  sort: Sort | `-${Sort}`
  /** The keys of the last row of the page before. */
  after: readonly string[] | undefined
  limit: number
}

/** The parts of a statement that answers one page: `where past order by order limit …`, each row with its place in `keys`. */
export interface Keyset {
  keys: RawBuilder<string[]>
  past: RawBuilder<boolean>
  order: RawBuilder<unknown>
}

/** All keys run in one direction, so that one comparison of rows, and one index, does it. */
export function keyset<Sort extends string>(sorts: Readonly<Record<Sort, SortKeys>>, ask: PageAsk<Sort>): Keyset {
  const descending = ask.sort.startsWith('-')
  return keysetBy(sortKeys(sorts, ask.sort), descending, ask.after)
}

function keysetBy(keys: SortKeys, descending: boolean, after: readonly string[] | undefined): Keyset {
  const columns = keys.map(({ column }) => column)
  const values = keys.map(({ type }, at) => sql`${after?.[at] ?? null}::text::${sql.raw(type)}`)
  return {
    keys: sql`json_build_array(${sql.join(columns.map((column) => sql`(${column})::text`))})`,
    past: after === undefined ? sql`true` : sql`(${sql.join(columns)}) ${descending ? sql`<` : sql`>`} (${sql.join(values)})`,
    order: sql.join(columns.map((column) => sql`${column} ${descending ? sql`desc` : sql`asc`}`)),
  }
}

/** The keys of a sort by its name, with or without its `-`. */
export function sortKeys<Sort extends string>(sorts: Readonly<Record<Sort, SortKeys>>, sort: Sort | `-${Sort}`): SortKeys {
  for (const name in sorts) if (sort === name || sort === `-${name}`) return sorts[name]
  throw new TypeError(`there is no sort ${sort}`)
}

/** The conditions that are asked for, all of which must hold. */
export function allOf(conditions: readonly (RawBuilder<unknown> | undefined)[]): RawBuilder<boolean> {
  const given = conditions.filter((condition) => condition !== undefined)
  return given.length === 0 ? sql`true` : sql`(${sql.join(given, sql` and `)})`
}

/** True of a column that holds one of some values. */
export function oneOf(column: RawBuilder<unknown>, values: readonly string[] | undefined): RawBuilder<boolean> | undefined {
  if (values === undefined) return undefined
  if (values.length === 0) return sql`false`
  return sql`${column} in (${sql.join(values.map((value) => sql`${value}`))})`
}

/**
 * True of text that begins like `q`, whatever its case; an index on `lower(column) collate "C"` answers it. Where the database's locale folds
 * no more than a to z, other letters have to be given as they are written, or small.
 */
export function beginsWith(column: RawBuilder<unknown>, q: string): RawBuilder<boolean> {
  const folded = sql`(lower(${column}) collate "C")`
  const starts = new Set([q, q.toLowerCase()])
  const ranges = [...starts].map(
    (start) => sql`(${folded} >= lower(${start}::text) and ${folded} < lower(${start}::text) || ${LAST})`,
  )
  return sql`(${sql.join(ASCII.test(q) ? ranges.slice(0, 1) : ranges, sql` or `)})`
}

const ASCII = /^[\x20-\x7e]*$/

/** No character comes after it. */
const LAST = '\u{10FFFF}'
