import type { LedgerKind } from '../../../domain/ledger.ts'
import { columnsOf, csvCells, twinHeader, twinRow } from '../../bundle/csv.ts'
import { entriesPath } from '../../bundle/format.ts'
import { entryHash } from '../../entry.ts'
import { isSame } from '../../merkle.ts'
import type { Content } from '../content.ts'
import type { Suspect } from '../entry-context.ts'
import { type ReadLine, readLine } from '../entry-line.ts'
import { type Line, readLines } from '../read.ts'
import type { BundleSource } from '../source.ts'
import { TileFalse } from '../tree.ts'
import { linesOfRow } from './entry-from-row.ts'
import { difference, type Exact, isExact, type Place, shifted } from './place.ts'
import { singleEdits } from './single-edits.ts'

/**
 * Finds the first false byte of the lines of a kind beside a table that is as signed. The true line is made from its row, or by
 * changing one byte of what is there, and the log tells when it is the true one; otherwise the line is the answer.
 */
export async function placeInLines(content: Content, kind: LedgerKind, isSpent: () => boolean): Promise<Place | undefined> {
  const suspect = content.suspects.find((each) => each.kind === kind)
  if (suspect === undefined) return undefined
  const { offset, line, row } = suspect
  const found = line === undefined ? Buffer.alloc(0) : textOfLine(line)
  if (row === undefined) return { offset, found: found[0] ?? null, expected: null }
  const restored = await trueLine(content, suspect, isSpent)
  const exact = restored === undefined ? undefined : shifted(difference(found, restored.line), offset)
  return exact ?? { from: offset, to: offset + (line?.bytes.length ?? 0) }
}

/** Finds the first false byte of a table whose lines are as signed: each of its bytes is told by them. */
export function placeInRows(content: Content, kind: LedgerKind, size: number): Place | undefined {
  const suspect = content.suspects.find((each) => each.kind === kind)
  if (suspect === undefined) return undefined
  const { number, line, row, header } = suspect
  if (line === undefined)
    return row === undefined ? undefined : { offset: row.offset, found: textOfLine(row)[0] ?? null, expected: null }
  const read = readLine(line)
  const columns = typeof read !== 'string' && number === 1 ? columnsOf(read.facts) : columnsIn(header)
  if (typeof read === 'string' || columns === undefined) return undefined
  const first = header === undefined ? Buffer.alloc(0) : textOfLine(header)
  const ofHeader = number === 1 ? difference(first, Buffer.from(twinHeader(columns))) : undefined
  if (ofHeader !== undefined) return ofHeader
  const expected = Buffer.from(twinRow(read.index, read.facts, columns))
  if (row === undefined) return { offset: size, found: null, expected: expected[0] ?? null }
  return shifted(difference(textOfLine(row), expected), row.offset)
}

function columnsIn(header: Line | undefined): string[] | undefined {
  return header === undefined ? undefined : csvCells(header.bytes.toString('utf8'))?.slice(1, -1)
}

/**
 * Finds the first false byte of a table whose lines are false too. The row is held against the true line, as far as that can be told.
 *
 * @param known where the blocks say that it is: both may lack the same rows, and then the first that differ are not the first that are false
 */
export async function placeInTable(
  content: Content,
  kind: LedgerKind,
  known: Place | undefined,
  isSpent: () => boolean,
): Promise<Place | undefined> {
  const suspect = content.suspects.find((each) => each.kind === kind)
  if (suspect?.row === undefined || suspect.header === undefined) return undefined
  const { row, header, line } = suspect
  const columns = columnsIn(header)
  if (columns === undefined) return undefined
  const found = textOfLine(row)
  const rowOf = ({ index, facts }: ReadLine) => Buffer.from(twinRow(index, facts, columns))
  const restored = await trueLine(content, suspect, isSpent)
  const read = restored === undefined ? undefined : readLine({ bytes: restored.line.subarray(0, -1), ended: true })
  if (read !== undefined && typeof read !== 'string') {
    const exact = shifted(difference(found, rowOf(read)), row.offset)
    return exact !== undefined && (isWithin(exact, known) || content.isWholeBefore(read.index)) ? exact : undefined
  }
  // A row that goes with a false line, and with no true one, is false itself.
  const beside = line === undefined ? '' : readLine(line)
  if (typeof beside === 'string' || !isSame(rowOf(beside), found)) return undefined
  return { from: content.isWholeBefore(beside.index) ? row.offset : 0, to: row.offset + row.bytes.length }
}

function isWithin({ offset }: Exact, known: Place | undefined): boolean {
  return known !== undefined && !isExact(known) && offset >= known.from && offset <= known.to
}

function textOfLine({ bytes, ended }: Pick<Line, 'bytes' | 'ended'>): Buffer {
  return ended ? Buffer.concat([bytes, Buffer.from('\n')]) : bytes
}

async function trueLine(
  content: Content,
  { kind, row, header, before, line }: Suspect,
  isSpent: () => boolean,
): Promise<{ index: number; line: Buffer } | undefined> {
  if (row !== undefined && header !== undefined)
    for (const candidate of linesOfRow(row.bytes.toString('utf8'), header.bytes.toString('utf8'), before)) {
      if ((await isLogged(content, kind, candidate.line)) !== undefined) return candidate
      if (isSpent()) return undefined
    }
  if (line === undefined) return undefined
  for (const edited of singleEdits(textOfLine(line), PRINTED)) {
    if (isSpent()) return undefined
    const index = await isLogged(content, kind, edited)
    if (index !== undefined) return { index, line: Buffer.from(edited) }
  }
  return undefined
}

/** Facts are mostly of these: letters of other scripts are not tried. */
const PRINTED = Buffer.from(Array.from({ length: 0x7f - 0x20 }, (_, at) => at + 0x20))

/** The index at which the log holds this line of entries; undefined where it does not. */
async function isLogged({ tree, first, end }: Content, kind: LedgerKind, line: Buffer): Promise<number | undefined> {
  if (line.at(-1) !== NEWLINE) return undefined
  const read = readLine({ bytes: line.subarray(0, -1), ended: true })
  if (typeof read === 'string' || read.index < first || read.index >= end) return undefined
  try {
    const leaf = await tree.leaf(read.index)
    return isSame(entryHash({ kind, id: read.id, digest: read.digest }), leaf) ? read.index : undefined
  } catch (error) {
    if (!(error instanceof TileFalse)) throw error
    return undefined
  }
}

const NEWLINE = 0x0a

/** The table of a kind, made again from its lines. */
export async function* tableOf(source: BundleSource, kind: LedgerKind): AsyncGenerator<Uint8Array> {
  let columns: string[] | undefined
  for await (const line of readLines(source, entriesPath(kind, 'jsonl'), new Map())) {
    const read = readLine(line)
    if (typeof read === 'string') return
    if (columns === undefined) {
      columns = columnsOf(read.facts)
      yield Buffer.from(twinHeader(columns))
    }
    yield Buffer.from(twinRow(read.index, read.facts, columns))
  }
}
