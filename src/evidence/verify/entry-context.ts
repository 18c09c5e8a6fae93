import type { Facts } from '../../domain/leaf.ts'
import type { LedgerKind } from '../../domain/ledger.ts'
import { type Entry, entryHash } from '../entry.ts'
import { isSame } from '../merkle.ts'
import type { Problems } from './problems.ts'
import type { Digests, Line } from './read.ts'
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
  /** Is told where the lines of a kind first part from the log or from their table. */
  suspect(suspect: Suspect): void
}

/** The first line of a kind that is false, or whose row is: all lines and rows before it are true. */
export interface Suspect {
  kind: LedgerKind
  /** Of the line, from 1, and of its first byte. */
  number: number
  offset: number
  /** Undefined where the file has ended, and its table goes on. */
  line: Pick<Line, 'bytes' | 'ended'> | undefined
  /** The row of the table that stands beside it, and the first row of all. */
  row: Line | undefined
  header: Line | undefined
  /** Facts of the line before: they tell of which types the columns are. */
  before: Facts | undefined
}

/** Undefined when the log holds this very entry at this index; otherwise what is wrong. */
export async function isHeld(
  { tree, first, end, problems }: Pick<EntryContext, 'tree' | 'first' | 'end' | 'problems'>,
  index: number,
  entry: Entry,
): Promise<string | undefined> {
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
