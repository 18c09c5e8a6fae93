import { RevenantError } from '../domain/error.ts'
import { type DayEnd, localInstant, parseInstant } from './instant.ts'
import type { RowFault } from './report.ts'
import type { Row } from './rows.ts'

/** A fault of one cell, on its way to the row that holds it. */
export class CellFault extends Error {
  readonly field: string | undefined

  constructor(field: string | undefined, message: string) {
    super(message)
    this.field = field
  }
}

/** Runs the reading of a row; a cell's fault becomes the row's. */
export function readRow<Value>(row: Row, read: (row: Row) => Value): Value | RowFault {
  try {
    return read(row)
  } catch (error) {
    if (error instanceof CellFault)
      return { line: row.line, ...(error.field === undefined ? {} : { field: error.field }), message: error.message }
    throw error
  }
}

/** A cell that may not be blank. */
export function required(row: Row, column: string, maxLength: number): string {
  const cell = limited(row, column, maxLength)
  if (cell === undefined || cell === null) throw new CellFault(column, 'is missing')
  return cell
}

/** A cell's text: null where it is blank, undefined where the row has no such column. */
export function limited(row: Row, column: string, maxLength: number): string | null | undefined {
  const cell = row.cells[column]
  if (typeof cell === 'string' && cell.length > maxLength) throw new CellFault(column, `is longer than ${maxLength} characters`)
  return cell
}

/** One word of a closed list, whatever its case. */
export function oneOf<const Word extends string>(row: Row, column: string, words: readonly Word[]): Word | null | undefined {
  const cell = row.cells[column]
  if (cell === undefined || cell === null) return cell
  const word = words.find((each) => each === cell.toLowerCase())
  if (word === undefined) throw new CellFault(column, `must be ${words.join(' or ')}`)
  return word
}

const YES = ['true', 'yes', '1']
const NO = ['false', 'no', '0']

export function flag(row: Row, column: string): boolean | null | undefined {
  const cell = row.cells[column]
  if (cell === undefined || cell === null) return cell
  if (YES.includes(cell.toLowerCase())) return true
  if (NO.includes(cell.toLowerCase())) return false
  throw new CellFault(column, 'must be true or false')
}

/** An instant; or, where `dayEnd` is given, a date, which then means that day's cut-off. */
export function instant(row: Row, column: string, dayEnd?: DayEnd): Temporal.Instant | null | undefined {
  const cell = row.cells[column]
  if (cell === undefined || cell === null) return cell
  const found = parseInstant(cell)
  if (found !== undefined) return found
  if (dayEnd === undefined) {
    const hint = column === 'terminated_at' ? '; a day alone goes into the column termination_date' : ''
    throw new CellFault(column, `must be an instant with its offset, such as 2026-11-22T17:00:00Z${hint}`)
  }
  return local(column, cell, null, null, dayEnd)
}

/** `localInstant` with its fault laid at a column. */
export function local(column: string, date: string, time: string | null, zone: string | null, dayEnd: DayEnd): Temporal.Instant {
  try {
    return localInstant(date, time, zone, dayEnd)
  } catch (error) {
    throw error instanceof RevenantError ? new CellFault(column, error.message) : error
  }
}
