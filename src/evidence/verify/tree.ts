import { RevenantError } from '../../domain/error.ts'
import { LOG_FOLDER } from '../bundle/format.ts'
import { HASH_BYTES, type Hash, isSame } from '../merkle.ts'
import { readRoot } from '../merkle-proof.ts'
import { hashesAt, hashInTile, placeOf, subtreeHash, TILE_WIDTH, tilePath, widthOf } from '../tiles.ts'
import type { Digests } from './read.ts'
import { readFile } from './read.ts'
import type { BundleSource } from './source.ts'

/** The part of the log's tree that a bundle holds, each hash traced up to the root of the checkpoint before it is believed. */
export interface Tree {
  readonly size: number
  /** The leaf hash at an index. Throws `EVIDENCE_INVALID` that names the tile which is missing or false. */
  leaf(index: number): Promise<Hash>
}

/** A tile whose hashes are not those of the tree. */
export class TileFalse extends RevenantError {
  readonly file: string

  constructor(file: string, what: string) {
    super('EVIDENCE_INVALID', what)
    this.name = 'TileFalse'
    this.file = file
  }
}

/** Tiles that are kept: entries come in the order of their index, so that a few serve. 256 of them are 2 MB. */
const KEPT_TILES = 256

/** Opens the tree of a checkpoint. Throws a TileFalse where the tiles at its right edge do not add up to the root. */
export async function openTree(source: BundleSource, size: number, root: Hash, digests: Digests): Promise<Tree> {
  const kept = new Map<string, Uint8Array>()
  const edge = new Map<number, Uint8Array>()

  const load = async (level: number, index: number): Promise<Uint8Array> => {
    const width = widthOf(level, index, size)
    const file = `${LOG_FOLDER}${tilePath({ level, index, width })}`
    if (!source.files.has(file)) throw new TileFalse(file, 'the tile is missing')
    const bytes = await readFile(source, file, TILE_WIDTH * HASH_BYTES, digests)
    if (bytes.length !== width * HASH_BYTES)
      throw new TileFalse(file, `the tile has ${bytes.length} bytes instead of ${width * HASH_BYTES}`)
    return bytes
  }

  /** A tile that is not full is at the right edge, and the root is made of those. A full one has its hash in the tile above. */
  const believed = async (level: number, index: number): Promise<Uint8Array> => {
    const width = widthOf(level, index, size)
    const ofEdge = width < TILE_WIDTH ? edge.get(level) : undefined
    if (ofEdge !== undefined) return ofEdge
    const key = `${level}/${index}`
    const known = kept.get(key)
    if (known !== undefined) return known
    const bytes = await load(level, index)
    const above = await believed(level + 1, Math.floor(index / TILE_WIDTH))
    const at = (index % TILE_WIDTH) * HASH_BYTES
    if (!isSame(subtreeHash(bytes, 0, TILE_WIDTH), above.subarray(at, at + HASH_BYTES)))
      throw new TileFalse(
        `${LOG_FOLDER}${tilePath({ level, index, width })}`,
        'the hashes of this tile are not those that the tree above it was made of',
      )
    kept.set(key, bytes)
    const oldest = kept.size > KEPT_TILES ? kept.keys().next().value : undefined
    if (oldest !== undefined) kept.delete(oldest)
    return bytes
  }

  for (let level = 0; hashesAt(level, size) > 0; level++) {
    const index = Math.floor(hashesAt(level, size) / TILE_WIDTH)
    if (widthOf(level, index, size) > 0) edge.set(level, await load(level, index))
  }
  const found = await readRoot(size, async (nodes) =>
    nodes.map((node) => {
      const tile = edge.get(placeOf(node).level)
      if (tile === undefined) throw new TileFalse(LOG_FOLDER, 'a tile at the right edge of the tree is missing')
      return hashInTile(node, tile)
    }),
  )
  if (!isSame(found, root)) {
    const files = [...edge.keys()].map((level) => `${LOG_FOLDER}${edgePath(level, size)}`)
    throw new TileFalse(files[0] ?? LOG_FOLDER, `the tiles ${files.join(', ')} do not add up to the root of the checkpoint`)
  }
  return {
    size,
    leaf: async (index) => {
      const tile = await believed(0, Math.floor(index / TILE_WIDTH))
      const at = (index % TILE_WIDTH) * HASH_BYTES
      return tile.subarray(at, at + HASH_BYTES)
    },
  }
}

function edgePath(level: number, size: number): string {
  const index = Math.floor(hashesAt(level, size) / TILE_WIDTH)
  return tilePath({ level, index, width: widthOf(level, index, size) })
}
