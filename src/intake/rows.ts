import { RevenantError } from '../domain/error.ts'
import { type Columns, type Place, placeOf, readHeader, unknownKey } from './columns.ts'
import { type RawRow, readCsv } from './csv.ts'
import { type Line, type LineCounts, readLines } from './lines.ts'
import type { RowFault } from './report.ts'
import type { OpenSource } from './source.ts'

/** A row of either format: trimmed text by column, null where the cell is blank, missing where the row has no such column. */
export interface Row {
  line: number
  cells: Readonly<Record<string, string | null>>
  /** As it was given, untrimmed: the fields of a CSV row that are not blank, or whatever a JSON row has. */
  secret: unknown
  /** `secret_age` as it was given, where it is not blank. */
  submission?: string
}

export type RowOrFault = Row | RowFault

/**
 * Reads the rows of a source, some at a time. Throws `INPUT_INVALID` when the file as a whole cannot be understood: no header,
 * unknown columns.
 */
export async function* readRows(source: OpenSource, columns: Columns, counts: LineCounts): AsyncGenerator<RowOrFault[]> {
  const lines = readLines(source.stream, counts)
  if (source.format === 'csv') yield* csvRows(readCsv(lines), columns)
  else yield* jsonRows(lines, columns)
}

async function* csvRows(batches: AsyncIterable<RawRow[]>, columns: Columns): AsyncGenerator<RowOrFault[]> {
  let header: Place[] | undefined
  for await (const batch of batches) {
    const rows: RowOrFault[] = []
    for (const raw of batch) {
      if (header === undefined) header = readHeader(columns, raw.line, headerOf(raw))
      else rows.push('fault' in raw ? { line: raw.line, message: raw.fault } : csvRow(header, raw.line, raw.fields))
    }
    yield rows
  }
  if (header === undefined) readHeader(columns, 1, [])
}

/** A first line that cannot be read says why: a file in UTF-16 has no columns to miss. */
function headerOf(raw: RawRow): readonly string[] {
  if ('fields' in raw) return raw.fields
  throw new RevenantError('INPUT_INVALID', `line ${raw.line} ${raw.fault}`)
}

function csvRow(header: readonly Place[], line: number, fields: readonly string[]): RowOrFault {
  // Fewer: the file was cut, or a comma is missing. More: a comma was not quoted. Either way the cells may be in the wrong columns.
  if (fields.length !== header.length)
    return { line, message: `has ${fields.length} fields where the header has ${header.length}` }
  const cells: Record<string, string | null> = {}
  const secret: Record<string, string> = {}
  let submission = ''
  for (const [index, place] of header.entries()) {
    const field = fields[index] ?? ''
    if (place === 'ignored') continue
    if ('secret' in place) {
      if (field !== '') secret[place.secret] = field
      continue
    }
    if ('submission' in place) {
      submission = field
      continue
    }
    const cell = cellOf(field)
    if (cell === undefined) return { line, field: place.column, message: UNREADABLE }
    cells[place.column] = cell
  }
  return { line, cells, secret: Object.keys(secret).length === 0 ? undefined : secret, ...submitted(submission) }
}

async function* jsonRows(batches: AsyncIterable<Line[]>, columns: Columns): AsyncGenerator<RowOrFault[]> {
  for await (const batch of batches) {
    yield batch.flatMap((line) => {
      if (line.text === undefined) return [{ line: line.number, message: line.fault }]
      return line.text.trim() === '' ? [] : [jsonRow(columns, line.number, line.text)]
    })
  }
}

function jsonRow(columns: Columns, line: number, text: string): RowOrFault {
  const value = parseJson(text)
  if (value === undefined) return { line, message: 'is not valid JSON' }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { line, message: 'is not a JSON object' }
  const cells: Record<string, string | null> = {}
  let secret: unknown
  let submission = ''
  for (const [name, content] of Object.entries(value)) {
    if (name === 'secret' && columns.secrets) {
      secret = content ?? undefined
      continue
    }
    const place = placeOf(columns, name)
    if (place === 'ignored') continue
    if (place === undefined || 'secret' in place) return { line, message: unknownKey(columns, name) }
    if ('submission' in place) {
      if (content !== null && typeof content !== 'string') return { line, field: name, message: 'must be text' }
      submission = content ?? ''
      continue
    }
    if (Object.hasOwn(cells, place.column)) return { line, field: place.column, message: 'is given twice, under two names' }
    const isObject = typeof content === 'object' && content !== null && columns.objects.includes(place.column)
    const cell = cellOf(isObject ? JSON.stringify(content) : content)
    if (cell === undefined) return { line, field: place.column, message: UNREADABLE }
    cells[place.column] = cell
  }
  return { line, cells, secret, ...submitted(submission) }
}

function submitted(text: string): { submission?: string } {
  return text.trim() === '' ? {} : { submission: text }
}

/** JSON's own messages quote the text. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const UNREADABLE = 'must be text without control characters, at most 1024 characters'
const MAX_CELL = 1024

/** The text of a cell; null where it is blank, undefined where it is no text. */
function cellOf(content: unknown): string | null | undefined {
  if (content === null) return null
  if (typeof content === 'boolean' || (typeof content === 'number' && Number.isSafeInteger(content))) return String(content)
  if (typeof content !== 'string') return undefined
  const text = content.trim()
  if (text === '') return null
  return text.length > MAX_CELL || /\p{Cc}/u.test(text) || !text.isWellFormed() ? undefined : text
}
