import { RevenantError } from '../../domain/error.ts'
import type { Facts } from '../../domain/leaf.ts'
import { isLedgerKind, type LedgerKind } from '../../domain/ledger.ts'
import { columnsOf, csvRow, twinHeader, twinRow } from '../bundle/csv.ts'
import { entriesPath, GONE_HEADER, PATHS, proofPath } from '../bundle/format.ts'
import { type Entry, entryHash } from '../entry.ts'
import { isPassing } from '../expiry.ts'
import { isSame, sha256, verifyInclusion } from '../merkle.ts'
import { parseTlogProof } from '../tlog-proof.ts'
import { attempt, type Problems } from './problems.ts'
import { type Digests, type Line, readLines, readText, textOf } from './read.ts'
import type { BundleSource } from './source.ts'
import { TileFalse, type Tree } from './tree.ts'

/** What the entries of a bundle are held against. */
export interface EntryContext {
  source: BundleSource
  digests: Digests
  problems: Problems
  tree: Tree
  root: Uint8Array
  /** Signed note, verbatim: each proof ends in it. */
  checkpoint: string
  /** The stretch of the log: entries from `first` to before `end`. */
  first: number
  end: number
  /** Marks an index of the stretch as present. */
  seen(index: number): void
}

/** Checks the entries of one kind, their table and the proofs that they have of their own; answers how many lines there are. */
export async function verifyEntries(kind: LedgerKind, context: EntryContext): Promise<number> {
  const { source, digests, problems } = context
  const file = entriesPath(kind, 'jsonl')
  const twin = openTwin(entriesPath(kind, 'csv'), context)
  let [count, last] = [0, -1]
  for await (const line of readLines(source, file, digests)) {
    count += 1
    const fault = (what: string, offset = line.offset) =>
      problems.add({ check: 'entries', file, line: line.number, offset, what })
    const read = readLine(line)
    if (typeof read === 'string') {
      fault(read)
      await twin.skip()
      continue
    }
    const differs = await twin.compare(read)
    if (read.index <= last) fault(`entry ${read.index} does not come after entry ${last}: lines were moved or repeated`)
    last = read.index
    const held = await isHeld(context, read.index, { kind, id: read.id, digest: read.digest })
    if (held === undefined) {
      context.seen(read.index)
      await verifyProof(kind, read, context)
    } else {
      const narrowed = differs === undefined ? '' : `; the value of ${differs} is not the one in ${entriesPath(kind, 'csv')}`
      const at =
        differs === undefined
          ? line.offset
          : line.offset + Math.max(0, line.bytes.indexOf(`"${differs}":`)) + Buffer.byteLength(`"${differs}":`)
      fault(`${held}${narrowed}`, at)
    }
  }
  await twin.finish()
  return count
}

/** Checks the entries whose facts are not there; answers how many there are. An altered or removed row is false by itself. */
export async function verifyGone(context: EntryContext): Promise<number> {
  const file = PATHS.gone
  if (!context.source.files.has(file)) return 0
  let [count, last] = [-1, -1]
  for await (const line of readLines(context.source, file, context.digests)) {
    count += 1
    const fault = (what: string) => context.problems.add({ check: 'entries', file, line: line.number, offset: line.offset, what })
    const text = line.bytes.toString('latin1')
    if (count === 0) {
      if (text !== GONE_HEADER) fault('the first line is not the header')
      continue
    }
    const [, indexText = '', kind = '', id = '', digest = '', why] = GONE_ROW.exec(text) ?? []
    if (!line.ended || !isLedgerKind(kind)) {
      fault('the row is not index, kind, id, digest and why')
      continue
    }
    const index = Number(indexText)
    const held = await isHeld(context, index, { kind, id, digest })
    if (held !== undefined) fault(held)
    else if (index <= last) fault(`entry ${index} does not come after entry ${last}`)
    else context.seen(index)
    if (why === 'altered')
      fault(`the row of ${kind} ${id} was changed in the database after it was logged: what was logged is not there any more`)
    else if (why === 'removed' || !isPassing(kind))
      fault(`the row of ${kind} ${id} was removed from the database after it was logged, and by no retention`)
    last = index
  }
  return Math.max(0, count)
}

const GONE_ROW = /^([0-9]{1,15}),([a-z]+),([0-9a-f-]{36}),([0-9a-f]{64}),(gone|altered|removed)$/

interface ReadLine {
  index: number
  id: string
  facts: Facts
  /** Hex, of the bytes of the facts as they stand there. */
  digest: string
}

const OPEN = Buffer.from('{"facts":')
const MIDDLE = Buffer.from(',"index":')

/** Takes a line apart without changing a byte of the facts. A string says what is wrong. */
function readLine({ bytes, ended }: Line): ReadLine | string {
  const middle = bytes.lastIndexOf(MIDDLE)
  const tail = bytes.toString('latin1', middle + MIDDLE.length)
  if (!ended) return 'the line has no end: the file was cut off'
  if (middle < 0 || bytes.indexOf(OPEN) !== 0 || !/^(?:0|[1-9][0-9]{0,14})\}$/.test(tail))
    return 'the line is not {"facts":…,"index":N}'
  const canonical = bytes.subarray(OPEN.length, middle)
  try {
    const facts: unknown = JSON.parse(textOf(canonical, 'the line'))
    if (!isFacts(facts) || typeof facts.id !== 'string') return 'the facts are no JSON object with an id'
    const digest = Buffer.from(sha256(canonical)).toString('hex')
    return { index: Number(tail.slice(0, -1)), id: facts.id, facts, digest }
  } catch {
    return 'the facts are not JSON'
  }
}

function isFacts(value: unknown): value is Facts {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Undefined when the log holds this very entry at this index; otherwise what is wrong. */
async function isHeld({ tree, first, end, problems }: EntryContext, index: number, entry: Entry): Promise<string | undefined> {
  if (!(Number.isSafeInteger(index) && index >= first && index < end))
    return `the index ${index} lies outside of the stretch ${first} to ${end} of the log`
  try {
    const leaf = await tree.leaf(index)
    return isSame(entryHash(entry), leaf) ? undefined : `the log holds something else at index ${index}`
  } catch (error) {
    if (!(error instanceof TileFalse)) throw error
    problems.add({ check: 'tree', file: error.file, what: error.message })
    return `it cannot be told what the log holds at index ${index}: ${error.file} is missing or false`
  }
}

async function verifyProof(kind: LedgerKind, { id, index }: ReadLine, context: EntryContext): Promise<void> {
  const file = proofPath(id)
  if (kind !== 'finding' || !context.source.files.has(file)) return
  const at = { check: 'proofs', file } as const
  await attempt(context.problems, at, async () => {
    const proof = parseTlogProof(await readText(context.source, file, 1_000_000, context.digests))
    const { tree, root } = context
    const fault =
      proof.index !== index
        ? `it is of index ${proof.index}, and the entry stands at ${index}`
        : proof.checkpoint !== context.checkpoint
          ? 'it ends in another checkpoint'
          : verifyInclusion({ index, size: tree.size, leaf: await tree.leaf(index), root, proof: proof.proof })
            ? undefined
            : 'its hashes do not lead to the root of the checkpoint'
    if (fault !== undefined) context.problems.add({ ...at, what: fault })
  })
}

/** The CSV beside the lines: made from them, so that each of its bytes can be told from them. */
function openTwin(file: string, { source, digests, problems }: EntryContext) {
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
    /** The name of the first column in which the row is not what the line says; undefined where all is the same. */
    compare: async ({ index, facts }: ReadLine): Promise<string | undefined> => {
      // Once a table is out of step every further row is wrong, and says nothing more.
      if (lines === undefined || wrong > MOST_WRONG) return undefined
      const row = await takeRow()
      if (columns === undefined) {
        columns = columnsOf(facts)
        matches(header?.line, twinHeader(columns))
      }
      if (matches(row, twinRow(index, facts, columns)) || row === undefined) return undefined
      return firstOther(row.bytes, index, facts, columns)
    },
    /** Passes over the row of a line that cannot be read. */
    skip: takeRow,
    finish: async () => {
      if (lines === undefined) return
      const extra = await takeRow()
      if (extra !== undefined) fault(extra, 'a row that no entry stands behind')
      // To its end, for the digest of the whole file.
      while ((await take()) !== undefined);
    },
  }
}

const MOST_WRONG = 20

/** The first column by which the row that is there parts from the one that the facts give. */
function firstOther(found: Buffer, index: number, facts: Facts, columns: readonly string[]): string | undefined {
  const text = found.toString('utf8')
  // Each cell is followed by another: the comma keeps 12 from being the beginning of 123.
  return columns.find(
    (_column, at) => !text.startsWith(`${csvRow([index, ...columns.slice(0, at + 1).map((name) => facts[name])]).slice(0, -1)},`),
  )
}

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

/** For callers that must not go on without a value. */
export function must<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new RevenantError('EVIDENCE_INVALID', what)
  return value
}
