import { RevenantError } from '../domain/error.ts'
import { HASH_BYTES, type Hash } from './merkle.ts'
import { type Node, readRoot } from './merkle-proof.ts'
import { hashInTile, placeOf, subtreeHash, TILE_WIDTH, tilePath, widthOf } from './tiles.ts'

export interface StoredTile {
  level: number
  index: number
  hashes: Uint8Array
}

/** Where the right edge of a tree of `size` leaves is: the partial tile of each level that has one. All that growing needs. */
export function edgeOf(size: number): { level: number; index: number }[] {
  const places: { level: number; index: number }[] = []
  for (let level = 0; TILE_WIDTH ** level <= size; level++) {
    const index = Math.floor(size / TILE_WIDTH ** (level + 1))
    if (widthOf(level, index, size) > 0) places.push({ level, index })
  }
  return places
}

/** A tree that grows, by its right edge. */
export interface GrowingTree {
  readonly size: number
  root(): Promise<Hash>
  append(leaves: readonly Hash[]): void
  /** The tiles that were made or grew. */
  changed(): StoredTile[]
}

/**
 * A tree from the tiles of its right edge, cut to the width that they had at this size.
 * Throws `EVIDENCE_INVALID` where a tile is missing or too short.
 */
export function openTree(size: number, edge: readonly StoredTile[]): GrowingTree {
  const open = new Map<number, Uint8Array[]>()
  const whole = new Map<string, StoredTile>()
  let now = size
  const counts = new Map<number, number>()
  for (const place of edgeOf(size)) open.set(place.level, hashesOf(place, edge, widthOf(place.level, place.index, size)))
  for (let level = 0; TILE_WIDTH ** level <= size; level++) counts.set(level, Math.floor(size / TILE_WIDTH ** level))

  const push = (level: number, hash: Hash): void => {
    const hashes = open.get(level) ?? []
    open.set(level, hashes)
    hashes.push(hash)
    const count = (counts.get(level) ?? 0) + 1
    counts.set(level, count)
    if (hashes.length < TILE_WIDTH) return
    const tile = { level, index: count / TILE_WIDTH - 1, hashes: Buffer.concat(hashes) }
    whole.set(`${level}/${tile.index}`, tile)
    open.set(level, [])
    push(level + 1, subtreeHash(tile.hashes, 0, TILE_WIDTH))
  }
  const partial = (level: number): StoredTile => ({
    level,
    index: Math.floor((counts.get(level) ?? 0) / TILE_WIDTH),
    hashes: Buffer.concat(open.get(level) ?? []),
  })
  const read = async (nodes: readonly Node[]) =>
    nodes.map((node) => {
      // Only what lies on the right edge is asked for: the whole subtrees that the size is made of.
      const { level, index } = placeOf(node)
      const tile = whole.get(`${level}/${index}`) ?? partial(level)
      return hashInTile(node, tile.hashes)
    })
  return {
    get size() {
      return now
    },
    root: () => readRoot(now, read),
    append: (leaves) => {
      for (const leaf of leaves) push(0, leaf)
      now += leaves.length
    },
    changed: () => [
      ...whole.values(),
      ...[...open.keys()].map(partial).filter((tile) => tile.hashes.length > 0 && isWider(tile, size)),
    ],
  }
}

function isWider({ level, index, hashes }: StoredTile, size: number): boolean {
  return hashes.length / HASH_BYTES > widthOf(level, index, size)
}

function hashesOf(place: { level: number; index: number }, tiles: readonly StoredTile[], width: number): Uint8Array[] {
  const tile = tiles.find(({ level, index }) => level === place.level && index === place.index)
  if (tile === undefined || tile.hashes.length < width * HASH_BYTES) {
    const path = tilePath({ ...place, width })
    throw new RevenantError('EVIDENCE_INVALID', `the ledger lacks ${path}: it was changed from outside, or restored in part`)
  }
  return Array.from({ length: width }, (_, at) => tile.hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))
}
