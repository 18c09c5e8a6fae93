import { toError } from '../domain/error.ts'
import type { Facts } from '../domain/leaf.ts'
import { leafOf } from '../domain/leaf.ts'
import type { LedgerKind } from '../domain/ledger.ts'
import { retentionHorizon } from '../store/audit.ts'
import type { Queryable } from '../store/db.ts'
import { type CheckpointRow, latestCheckpoint, readTiles, type TileRow } from '../store/ledger.ts'
import { checkpointsFrom, entriesFrom, type LedgerEntryRow } from '../store/ledger-read.ts'
import { LOGGED_TABLES, ledgerSince, loggedRows, unloggedRows } from '../store/ledger-rows.ts'
import { openCheckpoint } from './checkpoint.ts'
import { contradictions } from './claims.ts'
import { entryHash } from './entry.ts'
import { isPast } from './expiry.ts'
import { storedFacts } from './facts.ts'
import { storedNodes } from './ledger.ts'
import { HASH_BYTES, isSame } from './merkle.ts'
import { readRoot } from './merkle-proof.ts'
import type { NoteKey } from './note-key.ts'
import { hashesAt, subtreeHash, TILE_WIDTH, tilePath, widthOf } from './tiles.ts'

export interface LedgerFault {
  /** What is false: `tile 0/000`, `entry 17`, `row observation 0198…`, `checkpoint 300`. */
  where: string
  what: string
}

export interface LedgerReport {
  size: number
  /** Entries whose row was compared. */
  rows: number
  /** Entries whose row is past its retention: only their digest is left. */
  gone: number
  checkpoints: number
  /** The first ones. */
  faults: LedgerFault[]
}

export interface CheckOptions {
  db: Queryable
  keys: readonly NoteKey[]
  origin: string
  now(): Temporal.Instant
  progress?(done: number, total: number): void
}

const MAX_FAULTS = 100
/** Sixteen tiles at a time. */
const PAGE = 16 * TILE_WIDTH

/**
 * Checks the whole stored ledger against itself, from the rows up to the signatures: facts → digest → entry → tile → root →
 * checkpoint → key. Names what is false: where an entry and its tile differ, the one that the levels above do not bear out.
 */
export async function checkLedger(options: CheckOptions): Promise<LedgerReport> {
  const { db, progress } = options
  const report: LedgerReport = { size: 0, rows: 0, gone: 0, checkpoints: 0, faults: [] }
  const last = await latestCheckpoint(db)
  if (last === undefined) return report
  report.size = last.size
  const doubtful = await checkTiles(db, last, report)
  const horizon = await retentionHorizon(db)
  for (let from = 0; from < last.size && report.faults.length < MAX_FAULTS; from += PAGE) {
    const rows = await entriesFrom(db, from, Math.min(PAGE, last.size - from))
    await checkEntries(db, from, Math.min(PAGE, last.size - from), rows, doubtful, report)
    await checkRows(db, rows, horizon, report)
    progress?.(Math.min(last.size, from + PAGE), last.size)
  }
  await checkCheckpoints(options, report)
  await checkUnlogged(db, report)
  await checkClaimed(db, horizon, options.now(), report)
  report.faults.splice(MAX_FAULTS)
  return report
}

/** Tiles of level 0 that the levels above do not bear out. Whether they are false, or those above, their entries tell. */
type Doubtful = ReadonlySet<number>

/** Each full tile's root must be the hash that stands for it one level up, and the right edge must have the root that was signed. */
async function checkTiles(db: Queryable, { size, root }: CheckpointRow, report: LedgerReport): Promise<Doubtful> {
  const doubtful = new Set<number>()
  const fault = (level: number, index: number, what: string) => {
    report.faults.push({ where: tilePath({ level, index, width: widthOf(level, index, size) }), what })
  }
  for (let level = 0; hashesAt(level, size) > 0; level++) {
    const count = Math.ceil(hashesAt(level, size) / TILE_WIDTH)
    for (let first = 0; first < count && report.faults.length < MAX_FAULTS; first += TILE_WIDTH) {
      const places = Array.from({ length: Math.min(TILE_WIDTH, count - first) }, (_, at) => ({ level, index: first + at }))
      const tiles = byIndex(await readTiles(db, places))
      const above = byIndex(await readTiles(db, [{ level: level + 1, index: first / TILE_WIDTH }])).get(first / TILE_WIDTH)
      for (const { index } of places) {
        const tile = tiles.get(index)
        const width = widthOf(level, index, size)
        if (tile === undefined) fault(level, index, 'is missing')
        else if (tile.hashes.length < width * HASH_BYTES) fault(level, index, 'is too short')
        else if (width === TILE_WIDTH && !bears(above, index % TILE_WIDTH, tile)) {
          if (level === 0) doubtful.add(index)
          else fault(level, index, NOT_BORNE)
        }
      }
    }
  }
  const edge = Math.floor(size / TILE_WIDTH)
  if (report.faults.length === 0 && !isSame(await readRoot(size, storedNodes(db)), root)) doubtful.add(edge)
  return doubtful
}

const NOT_BORNE = 'does not hash to the level above'

function bears(above: TileRow | undefined, at: number, tile: TileRow): boolean {
  const hash = above?.hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)
  return hash !== undefined && isSame(hash, subtreeHash(tile.hashes, 0, TILE_WIDTH))
}

async function checkEntries(
  db: Queryable,
  from: number,
  count: number,
  rows: readonly LedgerEntryRow[],
  doubtful: Doubtful,
  report: LedgerReport,
): Promise<void> {
  const byPlace = new Map(rows.map((row) => [row.index, row]))
  const first = from / TILE_WIDTH
  const places = Array.from({ length: Math.ceil(count / TILE_WIDTH) }, (_, at) => ({ level: 0, index: first + at }))
  const tiles = byIndex(await readTiles(db, places))
  for (const { index: tile } of places) {
    const end = Math.min(from + count, (tile + 1) * TILE_WIDTH)
    const odd: LedgerFault[] = []
    for (let index = tile * TILE_WIDTH; index < end; index++) {
      const row = byPlace.get(index)
      const at = index % TILE_WIDTH
      const hash = tiles.get(tile)?.hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)
      if (row === undefined) odd.push({ where: `entry ${index}`, what: 'is missing' })
      else if (hash?.length === HASH_BYTES && !isSame(hash, hashOf(row)))
        odd.push({ where: `entry ${index}`, what: `(${row.kind} ${row.ref}) is not the one that was logged` })
    }
    if (!doubtful.has(tile)) report.faults.push(...odd)
    // The tile has two witnesses against it, or one for it.
    else if (odd.length > 0)
      report.faults.push({
        where: tilePath({ level: 0, index: tile, width: end - tile * TILE_WIDTH }),
        what: 'is false: neither its entries nor the level above bear it out',
      })
    else
      report.faults.push({
        where: tilePath({ level: 1, index: Math.floor(tile / TILE_WIDTH), width: TILE_WIDTH }),
        what: `is false, or the signed root: it does not stand for its tile ${tile}`,
      })
  }
}

function hashOf({ kind, ref, digest }: LedgerEntryRow): Uint8Array {
  return entryHash({ kind, id: ref, digest: Buffer.from(digest).toString('hex') })
}

async function checkRows(
  db: Queryable,
  entries: readonly LedgerEntryRow[],
  horizon: Temporal.Instant | undefined,
  report: LedgerReport,
): Promise<void> {
  const byKind = Map.groupBy(entries, (entry) => entry.kind)
  for (const [kind, of] of byKind) {
    const facts = await factsOf(db, kind, [...new Set(of.map(({ ref }) => ref))])
    for (const { ref, digest, index } of of) {
      const found = facts.get(ref)
      if (found === undefined && isPast({ kind, ref }, horizon)) report.gone++
      else if (found === undefined) report.faults.push({ where: `row ${kind} ${ref}`, what: `(entry ${index}) is missing` })
      else {
        report.rows++
        const hex = Buffer.from(digest).toString('hex')
        if (!found.some((each) => leafOf(each) === hex))
          report.faults.push({ where: `row ${kind} ${ref}`, what: `(entry ${index}) is not what was recorded` })
      }
    }
  }
}

async function factsOf(db: Queryable, kind: LedgerKind, ids: readonly string[]): Promise<Map<string, Facts[]>> {
  const read = async <Row>(rows: Promise<Map<string, Row>>, facts: (row: Row) => Facts[]) =>
    new Map([...(await rows)].map(([id, row]) => [id, facts(row)]))
  switch (kind) {
    case 'observation':
      return read(loggedRows(db, 'observation', ids), storedFacts.observation)
    case 'control':
      return read(loggedRows(db, 'control', ids), storedFacts.control)
    case 'trial':
      return read(loggedRows(db, 'trial', ids), storedFacts.trial)
    case 'listing':
      return read(loggedRows(db, 'listing', ids), storedFacts.listing)
    case 'finding':
      return read(loggedRows(db, 'finding_event', ids), storedFacts.finding)
    case 'exemption':
      return read(loggedRows(db, 'exemption', ids), storedFacts.exemption)
    case 'operator':
    case 'configuration':
      return read(loggedRows(db, 'audit', ids), storedFacts[kind])
    case 'gap':
      return read(loggedRows(db, 'gap', ids), storedFacts.gap)
    case 'key':
      return read(loggedRows(db, 'ledger_key', ids), storedFacts.key)
  }
}

async function checkCheckpoints({ db, keys, origin }: CheckOptions, report: LedgerReport): Promise<void> {
  for (let after = 0; report.faults.length < MAX_FAULTS; ) {
    const page = await checkpointsFrom(db, after, 500)
    if (page.length === 0) return
    for (const { size, root, note } of page) {
      after = size
      report.checkpoints++
      try {
        const { checkpoint } = openCheckpoint(note, keys, { origin })
        const computed = await readRoot(size, storedNodes(db))
        if (checkpoint.size !== size || !isSame(checkpoint.root, root)) throw new Error('is not what its signed note says')
        if (!isSame(computed, root)) throw new Error('is not of this tree')
      } catch (error) {
        report.faults.push({ where: `checkpoint ${size}`, what: toError(error).message })
      }
    }
  }
}

async function checkUnlogged(db: Queryable, report: LedgerReport): Promise<void> {
  for (const table of LOGGED_TABLES) {
    const since = await ledgerSince(db, table)
    if (since === undefined) continue
    for (const id of await unloggedRows(db, table, since, 10))
      report.faults.push({ where: `row ${table} ${id}`, what: 'has no entry in the ledger: it was written past it' })
  }
}

/** What is derived from the rows that are logged must be borne out by them. */
async function checkClaimed(
  db: Queryable,
  horizon: Temporal.Instant | undefined,
  now: Temporal.Instant,
  report: LedgerReport,
): Promise<void> {
  for await (const { table, id, what } of contradictions({ db, horizon, now })) {
    if (report.faults.length >= MAX_FAULTS) return
    report.faults.push({ where: `row ${table} ${id}`, what: `is not borne out by the log: ${what}` })
  }
}

function byIndex(tiles: readonly TileRow[]): Map<number, TileRow> {
  return new Map(tiles.map((tile) => [tile.index, tile]))
}
