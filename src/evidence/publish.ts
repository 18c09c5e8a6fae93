import type { Queryable } from '../store/db.ts'
import { latestCheckpoint, readTiles } from '../store/ledger.ts'
import { entriesFrom } from '../store/ledger-read.ts'
import { entryBytes } from './entry.ts'
import { HASH_BYTES } from './merkle.ts'
import { formatBundle, TILE_WIDTH, type Tile, widthOf } from './tiles.ts'

/** The newest checkpoint, as it is served at `checkpoint`; undefined before the first. */
export async function publishedCheckpoint(db: Queryable): Promise<string | undefined> {
  return (await latestCheckpoint(db))?.note
}

/**
 * The bytes of a tile, as they are served at its path: what lies under the newest checkpoint, and nothing more. A narrower tile than
 * there is now is the beginning of it, so that every tile that any checkpoint needed is served for ever.
 */
export async function publishedTile(db: Queryable, { level, index, width }: Tile): Promise<Uint8Array | undefined> {
  const size = (await latestCheckpoint(db))?.size ?? 0
  if (widthOf(level === 'entries' ? 0 : level, index, size) < width) return undefined
  if (level === 'entries') return publishedEntries(db, index * TILE_WIDTH, width)
  const [tile] = await readTiles(db, [{ level, index }])
  const bytes = tile?.hashes.subarray(0, width * HASH_BYTES)
  return bytes?.length === width * HASH_BYTES ? bytes : undefined
}

async function publishedEntries(db: Queryable, from: number, width: number): Promise<Uint8Array | undefined> {
  const rows = await entriesFrom(db, from, width)
  if (rows.length < width) return undefined
  return formatBundle(
    rows.map(({ kind, ref, digest }) => entryBytes({ kind, id: ref, digest: Buffer.from(digest).toString('hex') })),
  )
}
