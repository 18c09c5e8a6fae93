import { RevenantError } from '../../domain/error.ts'
import type { Queryable } from '../../store/db.ts'
import { readTiles } from '../../store/ledger.ts'
import { edgeOf } from '../grow.ts'
import { HASH_BYTES } from '../merkle.ts'
import type { ReadNodes } from '../merkle-proof.ts'
import { hashInTile, placeOf, TILE_WIDTH, tilePath, widthOf } from '../tiles.ts'

/** Tiles kept for proofs: those of neighbours share nearly all of theirs. 512 are 4 MB. */
const KEPT = 512

/** Reads nodes of the stored tree as it was at `size`. Throws `EVIDENCE_INVALID` where a tile is not there. */
export function openNodeReader(db: Queryable, size: number): ReadNodes {
  const kept = new Map<string, Uint8Array>()
  return async (nodes) => {
    const places = new Map(nodes.map(placeOf).map(({ level, index }) => [`${level}/${index}`, { level, index }]))
    const tiles = new Map<string, Uint8Array>()
    for (const key of places.keys()) {
      const tile = kept.get(key)
      if (tile !== undefined) tiles.set(key, tile)
    }
    const missing = [...places].filter(([key]) => !tiles.has(key)).map(([, place]) => place)
    for (const { level, index, hashes } of await readTiles(db, missing)) {
      // A tile that has grown since still begins with what it was.
      const tile = hashes.subarray(0, widthOf(level, index, size) * HASH_BYTES)
      tiles.set(`${level}/${index}`, tile)
      kept.set(`${level}/${index}`, tile)
    }
    while (kept.size > KEPT) {
      const oldest = kept.keys().next().value
      if (oldest === undefined) break
      kept.delete(oldest)
    }
    return nodes.map((node) => {
      const { level, index } = placeOf(node)
      const tile = tiles.get(`${level}/${index}`)
      if (tile === undefined) throw missingTile(level, index)
      return hashInTile(node, tile)
    })
  }
}

/** Gathers the tiles that the proofs of leaves need: each leaf's own, those above, and the right edge of the tree. */
export function openTileSet(size: number) {
  const levels: Set<number>[] = []
  const add = (level: number, index: number) => {
    if (widthOf(level, index, size) === 0) return
    let of = levels[level]
    if (of === undefined) levels[level] = of = new Set()
    if (of.has(index)) return
    of.add(index)
    if (widthOf(level, index, size) === TILE_WIDTH) add(level + 1, Math.floor(index / TILE_WIDTH))
  }
  for (const { level, index } of edgeOf(size)) add(level, index)
  return {
    leaf: (index: number) => add(0, Math.floor(index / TILE_WIDTH)),
    places: function* () {
      for (const [level, of] of levels.entries()) for (const index of of ?? []) yield { level, index }
    },
  }
}

export interface CutTile {
  path: string
  hashes: Uint8Array
}

const BATCH = 128

/** The stored tiles of some places, cut to what they were at `size`. Throws `EVIDENCE_INVALID` for one that is missing or too short. */
export async function* cutTiles(
  db: Queryable,
  size: number,
  places: Iterable<{ level: number; index: number }>,
): AsyncGenerator<CutTile> {
  let batch: { level: number; index: number }[] = []
  const read = async () => {
    const rows = new Map((await readTiles(db, batch)).map((row) => [`${row.level}/${row.index}`, row.hashes]))
    return batch.map(({ level, index }) => {
      const width = widthOf(level, index, size)
      const hashes = rows.get(`${level}/${index}`)
      if (hashes === undefined || hashes.length < width * HASH_BYTES) throw missingTile(level, index)
      return { path: tilePath({ level, index, width }), hashes: hashes.subarray(0, width * HASH_BYTES) }
    })
  }
  for (const place of places) {
    batch.push(place)
    if (batch.length < BATCH) continue
    yield* await read()
    batch = []
  }
  if (batch.length > 0) yield* await read()
}

function missingTile(level: number, index: number): RevenantError {
  return new RevenantError(
    'EVIDENCE_INVALID',
    `the ledger lacks ${tilePath({ level, index, width: TILE_WIDTH })}: it was changed from outside, or restored in part`,
  )
}
