import { columnsOf, twinHeader, twinRow } from '../bundle/csv.ts'
import { isSame } from '../merkle.ts'
import type { EntryContext } from './entry-context.ts'
import type { ReadLine } from './entry-line.ts'
import { type Line, readLines } from './read.ts'

/** The CSV beside the lines: made from them, so that each of its bytes can be told from them. */
export function openTwin(file: string, { source, digests, problems }: Pick<EntryContext, 'source' | 'digests' | 'problems'>) {
  const lines = source.files.has(file) ? recordsOf(readLines(source, file, digests)) : undefined
  let header: { line: Line | undefined } | undefined
  let columns: string[] | undefined
  let wrong = 0
  const fault = (line: Line | undefined, what: string, offset = line?.offset ?? 0) => {
    wrong += 1
    problems.add({ check: 'tables', file, ...(line === undefined ? {} : { line: line.number }), offset, what })
  }
  const take = async () => (await lines?.next())?.value
  const takeRow = async () => {
    header ??= { line: await take() }
    return take()
  }
  const matches = (line: Line | undefined, expected: string): boolean => {
    if (line === undefined) {
      const missing = expected.trimEnd().slice(0, 80)
      fault(undefined, `it ends too early: the row ${missing} is missing`, source.files.get(file) ?? 0)
      return false
    }
    const found = line.ended ? Buffer.concat([line.bytes, Buffer.from('\n')]) : line.bytes
    const wanted = Buffer.from(expected)
    if (isSame(found, wanted)) return true
    let at = 0
    while (at < found.length && found[at] === wanted[at]) at++
    fault(line, 'the row is not what the facts say', line.offset + at)
    return false
  }
  return {
    header: () => header?.line,
    /** Whether the next row is what the line says, and the row. */
    compare: async ({ index, facts }: ReadLine): Promise<{ row: Line | undefined; same: boolean }> => {
      // Once a table is out of step every further row is wrong, and says nothing more.
      if (lines === undefined || wrong > MOST_WRONG) return { row: undefined, same: true }
      const row = await takeRow()
      const isFirst = columns === undefined
      columns ??= columnsOf(facts)
      const isHeaderSame = !isFirst || matches(header?.line, twinHeader(columns))
      return { row, same: matches(row, twinRow(index, facts, columns)) && isHeaderSame }
    },
    /** Passes over the row of a line that cannot be read. */
    skip: takeRow,
    /** Answers the first row that no line stands behind. */
    finish: async (): Promise<Line | undefined> => {
      if (lines === undefined) return undefined
      const extra = await takeRow()
      if (extra !== undefined) fault(extra, 'a row that no entry stands behind')
      // To its end, for the digest of the whole file.
      while ((await take()) !== undefined);
      return wrong > MOST_WRONG ? undefined : extra
    },
  }
}

const MOST_WRONG = 20

/** A stray quote must not gather the rest of a large file. */
const MOST_RECORD_BYTES = 256 * 1024

/** Rows of a CSV: a quoted cell may hold newlines. */
async function* recordsOf(lines: AsyncIterable<Line>): AsyncGenerator<Line, undefined> {
  let open: Line | undefined
  for await (const line of lines) {
    const whole: Line =
      open === undefined
        ? line
        : { ...line, bytes: Buffer.concat([open.bytes, Buffer.from('\n'), line.bytes]), number: open.number, offset: open.offset }
    if (quotes(whole.bytes) % 2 === 1 && whole.bytes.length < MOST_RECORD_BYTES)
      open = { ...whole, bytes: Buffer.from(whole.bytes) }
    else {
      yield whole
      open = undefined
    }
  }
  if (open !== undefined) yield open
  return undefined
}

function quotes(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(0x22); at >= 0; at = bytes.indexOf(0x22, at + 1)) count++
  return count
}
