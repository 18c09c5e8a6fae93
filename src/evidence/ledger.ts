import { RevenantError } from '../domain/error.ts'
import type { Queryable } from '../store/db.ts'
import { type CheckpointRow, latestCheckpoint, readTiles } from '../store/ledger.ts'
import type { Hash } from './merkle.ts'
import { type ReadNodes, readConsistency, readInclusion } from './merkle-proof.ts'
import { hashInTile, placeOf, TILE_WIDTH, tilePath } from './tiles.ts'
import { formatTlogProof } from './tlog-proof.ts'

/** Reads nodes of the stored tree. Throws `EVIDENCE_INVALID` for a tile that is missing or too short. */
export function storedNodes(db: Queryable): ReadNodes {
  return async (nodes) => {
    const places = new Map(nodes.map((node) => [keyOf(placeOf(node)), placeOf(node)]))
    const tiles = new Map((await readTiles(db, [...places.values()])).map((tile) => [keyOf(tile), tile.hashes]))
    return nodes.map((node) => {
      const place = placeOf(node)
      const tile = tiles.get(keyOf(place))
      if (tile === undefined)
        throw new RevenantError('EVIDENCE_INVALID', `the ledger lacks ${tilePath({ ...place, width: TILE_WIDTH })}`)
      return hashInTile(node, tile)
    })
  }
}

/** The proof that the entry at `index` is in the tree of a checkpoint, as a text to be handed out. Throws `NOT_FOUND`. */
export async function proveEntry(db: Queryable, index: number, checkpoint?: CheckpointRow): Promise<string> {
  const at = checkpoint ?? (await latestCheckpoint(db))
  if (at === undefined || index >= at.size)
    throw new RevenantError('NOT_FOUND', `the entry ${index} is not under a checkpoint yet: it will be within seconds`)
  return formatTlogProof({ index, proof: await readInclusion(index, at.size, storedNodes(db)), checkpoint: at.note })
}

/** The proof that the log of `to` entries begins with that of `from`. */
export async function proveGrowth(db: Queryable, from: number, to: number): Promise<Hash[]> {
  return readConsistency(from, to, storedNodes(db))
}

function keyOf({ level, index }: { level: number; index: number }): string {
  return `${level}/${index}`
}
