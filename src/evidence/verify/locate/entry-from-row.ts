import { canonicalJson } from '../../../domain/canonical-json.ts'
import type { Fact, Facts } from '../../../domain/leaf.ts'
import { decodeCount } from '../../base64.ts'
import { csvCells } from '../../bundle/csv.ts'

/**
 * The lines that a row of the table may have been made from, the likeliest first: a table does not say whether `7` was a number or a
 * text, and whether an empty cell was null. Whoever has the log can tell which it was.
 *
 * @param before facts of a line nearby, for the types of the columns
 */
export function* linesOfRow(row: string, header: string, before: Facts | undefined): Generator<{ index: number; line: Buffer }> {
  const [columns, cells] = [csvCells(header)?.slice(1, -1), csvCells(row)]
  const index = decodeCount(cells?.[0] ?? '')
  if (columns === undefined || cells === undefined || index === undefined || cells.length !== columns.length + 2) return
  const more = parsed(cells.at(-1) ?? '')
  const choices = columns.map((column, at) => choicesOf(cells[at + 1] ?? '', before?.[column]))
  const taken = columns.map(() => 0)
  for (let tried = 0; tried < MOST_TRIED; tried++) {
    const facts = columns.flatMap((column, at): [string, Fact][] => {
      const choice = choices[at]?.[taken[at] ?? 0]
      return choice === undefined ? [] : [[column, choice]]
    })
    const all: Facts = Object.fromEntries([...facts, ...(isObject(more) ? Object.entries(more) : [])])
    yield { index, line: Buffer.from(`{"facts":${canonicalJson(all)},"index":${index}}\n`) }
    // To the next combination, as an odometer goes.
    let at = 0
    for (; at < taken.length; at++) {
      const next = (taken[at] ?? 0) + 1
      taken[at] = next < (choices[at]?.length ?? 0) ? next : 0
      if (taken[at] !== 0) break
    }
    if (at === taken.length) return
  }
}

/** Half a second of hashing, more or less. */
const MOST_TRIED = 50_000

/** What a cell may stand for, undefined for a fact that was not there. */
function choicesOf(cell: string, sample: Fact | undefined): (Fact | undefined)[] {
  if (cell === '') return sample === '' ? ['', null, undefined] : [null, '', undefined]
  // An apostrophe stands before what a spreadsheet would take for a formula.
  if (/^'[=+\-@\t\r]/.test(cell)) return [cell.slice(1), cell]
  const value = parsed(cell)
  if (value === undefined) return [cell]
  return typeof sample === 'string' ? [cell, value] : [value, cell]
}

/** The number, boolean, list or object that is written so; undefined where none is. */
function parsed(cell: string): Fact | undefined {
  try {
    const value: Fact = JSON.parse(cell)
    const isTold = typeof value !== 'string' && value !== null
    return isTold && (typeof value === 'object' ? canonicalJson(value) : String(value)) === cell ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: Fact | undefined): value is Facts {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
