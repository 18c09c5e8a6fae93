import { canonicalJson } from '../../domain/canonical-json.ts'
import type { Fact, Facts } from '../../domain/leaf.ts'

export type Cell = Fact | undefined

/** One row of CSV (RFC 4180), ended by a newline. */
export function csvRow(cells: readonly Cell[]): string {
  return `${cells.map(csvCell).join(',')}\n`
}

/**
 * A spreadsheet runs what begins like a formula, and some of these texts come from outside: such a cell gets an apostrophe in front.
 * Null is empty. Objects are their JSON.
 */
function csvCell(cell: Cell): string {
  if (cell === null || cell === undefined) return ''
  if (typeof cell === 'number' || typeof cell === 'boolean') return String(cell)
  const text = typeof cell === 'string' ? cell : canonicalJson(cell)
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** The columns of the CSV twin of entries: those of the first entry's facts, in the order of canonical JSON. */
export function columnsOf(facts: Facts): string[] {
  return Object.keys(facts).toSorted()
}

/** The twin of one line: its index in the log, then its facts by column. What no column holds stands in the last one, as JSON. */
export function twinRow(index: number, facts: Facts, columns: readonly string[]): string {
  const more = Object.entries(facts).filter(([key]) => !columns.includes(key))
  return csvRow([index, ...columns.map((column) => facts[column]), more.length === 0 ? null : Object.fromEntries(more)])
}

export function twinHeader(columns: readonly string[]): string {
  return csvRow(['index', ...columns, 'more'])
}

/** The cells of one row as `csvRow` writes them, without their quotes; undefined for what it would not write. */
export function csvCells(row: string): string[] | undefined {
  const cells: string[] = []
  for (let at = 0; at <= row.length; ) {
    CELL.lastIndex = at
    const [whole, quoted, plain = ''] = CELL.exec(row) ?? []
    if (whole === undefined) return undefined
    cells.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    at += whole.length + 1
    if (at <= row.length && row[at - 1] !== ',') return undefined
  }
  return cells
}

const CELL = /"((?:[^"]|"")*)"|([^",\r\n]*)/y
