import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { extname } from 'node:path'
import { errnoWords } from '../../domain/errno.ts'
import { errorCode, RevenantError } from '../../domain/error.ts'
import type { Said, SaidStanding } from '../feed/said.ts'
import { IDENTITY_COLUMNS, type IdentityEntry, readIdentity } from '../identity-row.ts'
import type { DayEnd } from '../instant.ts'
import type { RowFault } from '../report.ts'
import { readRows } from '../rows.ts'
import { openSeen } from '../seen.ts'
import { EXTENSIONS, type Format } from '../source.ts'

/** A dropped file, read to its end. Where there is a fault nothing of it is to be taken. */
export interface ReadDrop {
  rows: number
  said: Said[]
  /** Called active with a last day that has passed: true only where that day was told before. */
  overdue: { line: number; said: Said; at: Temporal.Instant }[]
  /** The first ones, by line; `faultTotal` counts them all. Line 0: the file as a whole. */
  faults: RowFault[]
  faultTotal: number
}

export interface ReadOptions {
  format: Format | undefined
  dayEnd: DayEnd
  now: Temporal.Instant
  signal: AbortSignal
}

/** A file is held in memory whole before anything of it is taken. */
export const MOST_BYTES = 64 * 1024 * 1024
const KEPT_FAULTS = 100

/** The file was written to while it was read. */
export class StillWritten extends Error {}

/** Reads a file as `revenant import identities` does, and takes nothing. Throws `StillWritten`, and whatever the disk says. */
export async function readDrop(path: string, name: string, options: ReadOptions): Promise<ReadDrop> {
  const format = options.format ?? EXTENSIONS[extname(name).toLowerCase()]
  const read: ReadDrop = { rows: 0, said: [], overdue: [], faults: [], faultTotal: 0 }
  const fault = (at: RowFault) => addFault(read, at)
  if (format === undefined) {
    fault({ line: 0, message: 'the extension tells no format: name it .csv, .jsonl or .ndjson, or set format' })
    return read
  }
  // A link that took the file's place after the folder was listed, or a pipe that nobody writes to.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: unknown) => {
    if (errorCode(error) !== 'ELOOP') throw error
  })
  if (handle === undefined) {
    fault({ line: 0, message: 'it is a symbolic link' })
    return read
  }
  try {
    const before = await handle.stat()
    if (!before.isFile()) fault({ line: 0, message: 'it is no regular file' })
    else if (before.size > MOST_BYTES) fault({ line: 0, message: `it is larger than ${MOST_BYTES} bytes: split it` })
    else {
      const counts = { bytes: 0 }
      const stream = handle.createReadStream({ autoClose: false, highWaterMark: 64 * 1024 })
      await readAll({ stream, format, label: name, totalBytes: before.size }, counts, read, fault, options)
      const after = await handle.stat()
      if (after.size !== before.size || after.mtimeMs !== before.mtimeMs || counts.bytes !== before.size) throw new StillWritten()
    }
  } finally {
    await handle.close()
  }
  return read
}

async function readAll(
  source: Parameters<typeof readRows>[0],
  counts: { bytes: number },
  read: ReadDrop,
  fault: (at: RowFault) => void,
  { dayEnd, now, signal }: ReadOptions,
): Promise<void> {
  const seen = openSeen()
  try {
    for await (const rows of readRows(source, IDENTITY_COLUMNS, counts)) {
      signal.throwIfAborted()
      for (const row of rows) {
        read.rows++
        // Kept in the database and in a log, unlike what an import says: the name of a column may be a slip that is none.
        const entry =
          'message' in row ? { ...row, message: row.message.replace(/^"[^"]*"/, 'a column') } : readIdentity(row, dayEnd)
        const said = 'message' in entry ? entry : (repeated(entry, seen) ?? saidOf(entry))
        if ('message' in said) fault(said)
        else if (isOverdue(entry, now)) read.overdue.push({ line: row.line, said, at: entry.standing.at })
        else read.said.push(said)
      }
    }
  } catch (error) {
    if (!(error instanceof RevenantError)) throw error
    // The file as a whole: no header, an unknown column. What is not read on is no sign that somebody writes.
    fault({ line: 0, message: error.message })
    counts.bytes = source.totalBytes ?? 0
  }
}

function repeated({ externalId, line }: IdentityEntry, seen: ReturnType<typeof openSeen>): RowFault | undefined {
  const first = seen.add(externalId, line)
  if (first === undefined) return undefined
  return { line, field: 'external_id', message: `is in line ${first} already: one row for each identity` }
}

function saidOf({ externalId, kind, standing, name, email, owner }: IdentityEntry): Said {
  const word: SaidStanding =
    standing.is === 'unsaid' || standing.is === 'active' ? { is: standing.is } : { is: 'terminated', at: standing.at }
  return { key: externalId, externalId, name, email, owner, kind: kind ?? undefined, standing: word }
}

function isOverdue(
  entry: IdentityEntry | RowFault,
  now: Temporal.Instant,
): entry is IdentityEntry & { standing: { at: Temporal.Instant } } {
  return 'standing' in entry && entry.standing.is === 'leaving' && Temporal.Instant.compare(entry.standing.at, now) <= 0
}

/** Adds a fault, of which only the first are kept. */
export function addFault(read: ReadDrop, fault: RowFault): void {
  if (++read.faultTotal <= KEPT_FAULTS) read.faults.push(fault)
}

/** What keeps a folder or a file from being read. */
export function diskFault(what: string, error: unknown): RevenantError {
  return new RevenantError('INPUT_INVALID', `${what} (${errnoWords(error) ?? errorCode(error) ?? 'unknown error'})`)
}
