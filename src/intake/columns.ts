import { suggest } from '../config/nearest.ts'
import { RevenantError } from '../domain/error.ts'

/** The columns of a kind of file. */
export interface Columns {
  /** Every name that a column may have, with the name that the code knows it by. */
  names: Readonly<Record<string, string>>
  /** Columns of the common HR contract that mean nothing here. */
  ignored: readonly string[]
  /** Without these there is nothing to read. */
  required: readonly string[]
  /** Whether `secret.FIELD` columns (in JSON: an object `secret`) are read. */
  secrets: boolean
  /** Columns that JSON may give as an object, which stands for its text. */
  objects: readonly string[]
}

/** Where a cell of a row goes. `submission`: as it stands, line breaks included. */
export type Place = { column: string } | { secret: string } | { submission: true } | 'ignored'

const SECRET = 'secret.'
/** A secret that is encrypted to us. */
const SUBMISSION = 'secret_age'

/** Where a column goes; undefined for an unknown one. */
export function placeOf(columns: Columns, name: string): Place | undefined {
  const column = Object.hasOwn(columns.names, name) ? columns.names[name] : undefined
  if (column !== undefined) return { column }
  if (columns.ignored.includes(name)) return 'ignored'
  if (columns.secrets && name === SUBMISSION) return { submission: true }
  if (columns.secrets && /^secret\.[A-Za-z][A-Za-z0-9_]*$/.test(name)) return { secret: name.slice(SECRET.length) }
  return undefined
}

/**
 * Reads the header of a CSV file. Throws `INPUT_INVALID` with every fault of it at once: nothing of a file is imported whose columns
 * are not understood.
 */
export function readHeader(columns: Columns, line: number, fields: readonly string[]): Place[] {
  const names = fields.map((field) => field.trim())
  const places = names.map((name) => placeOf(columns, name))
  const found = places.flatMap((place) => (place !== undefined && place !== 'ignored' && 'column' in place ? [place.column] : []))
  const missing = columns.required.filter((name) => !found.includes(name))
  if (missing.length > 0) {
    // Not quoted: a file without a header has its first secrets here.
    throw new RevenantError(
      'INPUT_INVALID',
      `line ${line} must name the columns; missing: ${missing.map((name) => spell(columns, name)).join(', ')}${separatorHint(columns, names)}`,
    )
  }
  const faults = names.flatMap((name, index) => {
    if (name === '') return [`column ${index + 1} has no name`]
    if (names.indexOf(name) !== index) return [`column ${quote(name)} is there twice`]
    const place = places[index]
    if (place === undefined) return [`column ${quote(name)} is unknown${suggest(name, known(columns))}`]
    if (place === 'ignored' || !('column' in place)) return []
    const first = places.findIndex((other) => typeof other === 'object' && 'column' in other && other.column === place.column)
    return first === index ? [] : [`columns ${quote(names[first] ?? '')} and ${quote(name)} mean the same`]
  })
  if (faults.length > 0) throw new RevenantError('INPUT_INVALID', `line ${line}: ${faults.join('; ')}`)
  return places.map((place) => place ?? 'ignored')
}

/** Spreadsheets of many countries save CSV with semicolons, others with tabs. */
function separatorHint(columns: Columns, names: readonly string[]): string {
  const [only, ...more] = names
  if (only === undefined || more.length > 0) return ''
  const used = [';', '\t', '|'].find((each) => only.split(each).filter((name) => placeOf(columns, name.trim())).length > 1)
  return used === undefined ? '' : `. The columns are separated by ${SEPARATORS[used]}: save the file with commas`
}

const SEPARATORS: Readonly<Record<string, string>> = { ';': 'semicolons', '\t': 'tabs', '|': 'bars' }

/** What is wrong with a key of a JSON row. */
export function unknownKey(columns: Columns, name: string): string {
  return `${quote(name)} is unknown${suggest(name, known(columns))}`
}

function known(columns: Columns): string[] {
  return [...Object.keys(columns.names), ...(columns.secrets ? ['secret', SUBMISSION] : [])]
}

/** `external_id (or employee_id)`. */
function spell(columns: Columns, name: string): string {
  const aliases = Object.keys(columns.names).filter((alias) => alias !== name && columns.names[alias] === name)
  return aliases.length === 0 ? name : `${name} (or ${aliases.join(', ')})`
}

/** Only what looks like a name is quoted: a slip can put a value here. */
function quote(name: string): string {
  return /^[A-Za-z][A-Za-z_.-]{0,39}$/.test(name) ? `"${name}"` : '(not a name)'
}
