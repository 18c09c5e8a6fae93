import { parseCsvRow } from './csv-row.ts'
import { type Line, MAX_LINE_BYTES } from './lines.ts'

/** A row as it stands in the file, or what is wrong with the line that it begins on. */
export type RawRow = { line: number; fields: string[] } | { line: number; fault: string }

/**
 * Puts lines together to rows. A row is numbered by the line it begins on. A malformed row costs the line it begins on and no more:
 * reading goes on at the next one, so that a stray quote does not swallow the rows below it. Empty lines are passed over.
 */
export async function* readCsv(batches: AsyncIterable<Line[]>): AsyncGenerator<RawRow[]> {
  let pending: Line[] = []
  for await (const batch of batches) {
    const { rows, rest } = rowsOf(pending.concat(batch), false)
    pending = rest
    if (rows.length > 0) yield rows
  }
  const { rows } = rowsOf(pending, true)
  if (rows.length > 0) yield rows
}

function rowsOf(lines: readonly Line[], isEnd: boolean): { rows: RawRow[]; rest: Line[] } {
  const rows: RawRow[] = []
  for (let at = 0; at < lines.length; ) {
    const taken = takeRow(lines, at, isEnd)
    if (taken === 'more') return { rows, rest: lines.slice(at) }
    if (taken.row !== undefined) rows.push(taken.row)
    at += taken.lines
  }
  return { rows, rest: [] }
}

/** The row that begins at a line, and how many lines it takes; `more` where it may go on after the last of them. */
function takeRow(lines: readonly Line[], at: number, isEnd: boolean): { row?: RawRow; lines: number } | 'more' {
  const first = lines[at]
  if (first === undefined) return 'more'
  const line = first.number
  if (first.text === undefined) return { row: { line, fault: first.fault }, lines: 1 }
  if (first.text === '' || first.text === '\r') return { lines: 1 }
  const pieces = [first.text]
  let length = first.text.length
  // A line without a quote cannot end a quoted field: it is not worth reading the row again for it.
  for (let mayEnd = true; ; ) {
    const row = mayEnd ? parseCsvRow(pieces.join('\n')) : undefined
    if (row !== undefined && 'fields' in row) return { row: { line, fields: row.fields }, lines: pieces.length }
    if (row !== undefined && 'fault' in row) return { row: { line, fault: row.fault }, lines: 1 }
    const next = lines[at + pieces.length]
    if (next === undefined && !isEnd && length <= MAX_LINE_BYTES) return 'more'
    if (next === undefined || length > MAX_LINE_BYTES) return { row: { line, fault: NEVER_CLOSED }, lines: 1 }
    if (next.text === undefined) return { row: { line, fault: `goes on in line ${next.number}, which ${next.fault}` }, lines: 1 }
    pieces.push(next.text)
    length += next.text.length + 1
    mayEnd = next.text.includes('"')
  }
}

const NEVER_CLOSED = 'has a quoted field that is never closed'
