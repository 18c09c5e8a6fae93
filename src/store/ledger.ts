import { sql } from 'kysely'
import { newId } from '../domain/id.ts'
import type { LedgerKind } from '../domain/ledger.ts'
import type { Queryable } from './db.ts'

/** A fact that is to be logged: its row, and the SHA-256 of its canonical facts in hex. */
export interface LedgerLeaf {
  ref: string
  digest: string
}

/**
 * Hands facts to the ledger, in the transaction that records them: one row for a batch, no counter, no lock. The sequencer gives them
 * their places in the tree later; what this transaction rolls back was never logged.
 */
export async function appendLedger(db: Queryable, kind: LedgerKind, leaves: readonly LedgerLeaf[]): Promise<void> {
  if (leaves.length === 0) return
  const refs = `{${leaves.map((leaf) => leaf.ref).join(',')}}`
  const digests = `{${leaves.map((leaf) => `"\\\\x${leaf.digest}"`).join(',')}}`
  await sql`
    insert into ledger_outbox (id, kind, leaves, refs, digests, created_at)
    values (${newId()}::uuid, ${kind}, ${leaves.length}::integer, ${refs}::text::uuid[], ${digests}::text::bytea[], clock_timestamp())
  `.execute(db)
}

/** Outbox rows looked at for one batch: most hold a page of observations. */
const OUTBOX_ROWS = 1_000

/** An entry as the sequencer hashes it. */
export interface SequencedEntry {
  kind: string
  id: string
  digest: string
}

/**
 * Moves some `limit` facts from the outbox into the log, from index `from` on, and answers their entries in order. Whoever else does
 * so at the same time gets a unique violation on the index: the transaction must be one that `transact` runs.
 */
export async function sequenceEntries(
  db: Queryable,
  from: number,
  limit: number,
  at: Temporal.Instant,
): Promise<SequencedEntry[]> {
  const { rows } = await sql<{ lines: string | null }>`
    with taken as (
      delete from ledger_outbox where id in (
        select id from (
          select id, sum(leaves) over (order by id) - leaves as before
          from (select id, leaves from ledger_outbox order by id limit ${OUTBOX_ROWS}) first
        ) counted where before < ${limit}
      ) returning id, kind, refs, digests, created_at
    ), flat as materialized (
      select ${from}::bigint + row_number() over (order by t.created_at, t.id, u.place) - 1 as index, t.kind, u.ref, u.digest
      from taken t cross join lateral unnest(t.refs, t.digests) with ordinality as u (ref, digest, place)
    ), entered as (
      insert into ledger_entry (index, kind, ref, digest, at)
      select index, kind, ref, digest, ${at.toString()}::timestamptz from flat
    )
    select string_agg(kind || ' ' || ref::text || ' ' || encode(digest, 'hex'), ';' order by index) as lines from flat
  `.execute(db)
  // One text instead of thousands of rows: the driver parses it in a fraction of the time.
  const lines = rows[0]?.lines ?? ''
  if (lines === '') return []
  return lines.split(';').map((line) => {
    const [kind = '', id = '', digest = ''] = line.split(' ')
    return { kind, id, digest }
  })
}

/** What waits to be sequenced. */
export async function outboxSize(db: Queryable): Promise<{ leaves: number; oldest: Temporal.Instant | null }> {
  const { rows } = await sql<{ leaves: number; oldest: Temporal.Instant | null }>`
    select coalesce(sum(leaves), 0)::float8 as leaves, min(created_at) as oldest from ledger_outbox
  `.execute(db)
  return rows[0] ?? { leaves: 0, oldest: null }
}

/** True while something waits: one probe of an index. */
export async function hasOutbox(db: Queryable): Promise<boolean> {
  return (await db.selectFrom('ledger_outbox').select('id').limit(1).executeTakeFirst()) !== undefined
}

export interface CheckpointRow {
  size: number
  root: Uint8Array
  at: Temporal.Instant
  note: string
}

/** The newest checkpoint, or the newest of at most `size` leaves; undefined before the first one. */
export async function latestCheckpoint(db: Queryable, size?: number): Promise<CheckpointRow | undefined> {
  let query = db.selectFrom('ledger_checkpoint').selectAll()
  if (size !== undefined) query = query.where('size', '<=', size)
  return query.orderBy('size', 'desc').limit(1).executeTakeFirst()
}

/**
 * Adds a checkpoint that extends the one of `from` leaves, and no other: compare and set in the statement, so that two writers can
 * never sign two trees. False: somebody else was faster.
 */
export async function addCheckpoint(db: Queryable, from: number, row: CheckpointRow): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into ledger_checkpoint (size, root, at, note)
    select ${row.size}::bigint, ${row.root}::bytea, ${row.at.toString()}::timestamptz, ${row.note}
    where coalesce((select max(size) from ledger_checkpoint), 0) = ${from}::bigint and ${row.size}::bigint > ${from}::bigint
  `.execute(db)
  return numAffectedRows === 1n
}

export interface TileRow {
  level: number
  index: number
  hashes: Uint8Array
}

/** The stored tiles of these places; those that are not there are left out. */
export async function readTiles(db: Queryable, places: readonly { level: number; index: number }[]): Promise<TileRow[]> {
  if (places.length === 0) return []
  const asked = JSON.stringify(places.map(({ level, index }) => ({ level, index })))
  const { rows } = await sql<TileRow>`
    select t.level, t.index, t.hashes from json_to_recordset(${asked}::json) as p (level smallint, index bigint)
    join ledger_tile t on t.level = p.level and t.index = p.index
  `.execute(db)
  return rows
}

/** Writes tiles, new ones and those that grew. */
export async function writeTiles(db: Queryable, tiles: readonly TileRow[]): Promise<void> {
  if (tiles.length === 0) return
  const rows = JSON.stringify(
    tiles.map(({ level, index, hashes }) => ({ level, index, hashes: Buffer.from(hashes).toString('base64') })),
  )
  await sql`
    insert into ledger_tile (level, index, hashes)
    select level, index, decode(hashes, 'base64') from json_to_recordset(${rows}::json) as r (level smallint, index bigint, hashes text)
    on conflict (level, index) do update set hashes = excluded.hashes
  `.execute(db)
}

/** Makes sequencers take turns until the caller's transaction ends; false: another one is at work. */
export async function tryLockLedger(tx: Queryable): Promise<boolean> {
  // "ledger" in ASCII, after what "revenant" leaves of 63 bits: nothing else locks it.
  const { rows } = await sql<{ got: boolean }>`select pg_try_advisory_xact_lock(8242119116018574962) as got`.execute(tx)
  return rows[0]?.got === true
}
