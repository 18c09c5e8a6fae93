import { RevenantError } from '../domain/error.ts'
import { decodeCount } from './base64.ts'
import { HASH_BYTES, type Hash, nodeHash } from './merkle.ts'
import type { Node } from './merkle-proof.ts'

/** A tile spans eight levels of the tree: 256 hashes, of which the first stands for the leftmost 256^level leaves (C2SP tlog-tiles). */
export const TILE_HEIGHT = 8
export const TILE_WIDTH = 256

/** `level` 0 holds leaf hashes, `entries` the entries themselves; `width` below 256 is a partial tile. */
export interface Tile {
  level: number | 'entries'
  index: number
  width: number
}

/** `tile/0/x001/234.p/17`. */
export function tilePath({ level, index, width }: Tile): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0')
  const groups = digits.match(/.{3}/g) ?? []
  const path = groups.map((group, at) => (at === groups.length - 1 ? group : `x${group}`)).join('/')
  return `tile/${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

/** Reads a tile's path; undefined for any other. */
export function parseTilePath(path: string): Tile | undefined {
  const found = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/.exec(path)
  if (found === null) return undefined
  const [, levelText = '', indexText = '', widthText] = found
  const level: Tile['level'] | undefined = levelText === 'entries' ? 'entries' : decodeCount(levelText)
  const index = decodeCount(indexText.replaceAll(/[x/]/g, '').replace(/^0+(?=.)/, ''))
  const width = widthText === undefined ? TILE_WIDTH : decodeCount(widthText)
  if (level === undefined || index === undefined || width === undefined || width === 0) return undefined
  if (level !== 'entries' && level > 63) return undefined
  const tile: Tile = { level, index, width }
  // One tile has one path: no needless zeros, no `.p/256`.
  return tilePath(tile) === path ? tile : undefined
}

/** How many hashes the tiles of a level hold together in a tree of `size` leaves. */
export function hashesAt(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level)
}

/** The width of a tile in a tree of `size` leaves; 0 where it is not there yet. */
export function widthOf(level: number, index: number, size: number): number {
  return Math.max(0, Math.min(TILE_WIDTH, hashesAt(level, size) - index * TILE_WIDTH))
}

/** The tiles of a tree of `size` leaves that are no tiles, or narrower, in one of `from`: what a log writes when it grows. */
export function grownTiles(from: number, size: number): (Tile & { level: number })[] {
  const tiles: (Tile & { level: number })[] = []
  for (let level = 0; hashesAt(level, size) > 0; level++) {
    const [old, all] = [hashesAt(level, from), hashesAt(level, size)]
    for (let index = Math.floor(old / TILE_WIDTH); old < all && index * TILE_WIDTH < all; index++)
      tiles.push({ level, index, width: Math.min(TILE_WIDTH, all - index * TILE_WIDTH) })
  }
  return tiles
}

/** Where a node lies: in which tile, and over which of its hashes it is the root. */
export function placeOf({ level, index }: Node): { level: number; index: number; from: number; to: number } {
  const tileLevel = Math.floor(level / TILE_HEIGHT)
  const width = 2 ** (level - tileLevel * TILE_HEIGHT)
  const first = index * width
  const tile = Math.floor(first / TILE_WIDTH)
  return { level: tileLevel, index: tile, from: first - tile * TILE_WIDTH, to: first - tile * TILE_WIDTH + width }
}

/** The hash of a node from its tile's bytes. Throws `EVIDENCE_INVALID` where the tile does not reach so far. */
export function hashInTile(node: Node, tile: Uint8Array): Hash {
  const { from, to, ...at } = placeOf(node)
  if (tile.length % HASH_BYTES !== 0 || tile.length < to * HASH_BYTES)
    throw new RevenantError(
      'EVIDENCE_INVALID',
      `${tilePath({ ...at, width: TILE_WIDTH })} holds ${tile.length} bytes and lacks a hash`,
    )
  return subtreeHash(tile, from, to)
}

/** The root over a power of two of the hashes of a tile. */
export function subtreeHash(tile: Uint8Array, from: number, to: number): Hash {
  if (to - from === 1) return tile.subarray(from * HASH_BYTES, to * HASH_BYTES)
  const middle = (from + to) / 2
  return nodeHash(subtreeHash(tile, from, middle), subtreeHash(tile, middle, to))
}

/** A bundle of entries: each behind its length, a big-endian uint16. */
export function formatBundle(entries: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.alloc(entries.reduce((sum, entry) => sum + 2 + entry.length, 0))
  let at = 0
  for (const entry of entries) {
    if (entry.length > 0xffff) throw new RevenantError('EVIDENCE_INVALID', 'an entry of a log has 65,535 bytes at most')
    at = bytes.writeUInt16BE(entry.length, at)
    bytes.set(entry, at)
    at += entry.length
  }
  return bytes
}

/** Takes a bundle apart. Throws `EVIDENCE_INVALID` where it ends within an entry. */
export function parseBundle(bundle: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = []
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength)
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 <= bytes.length ? at + 2 + bytes.readUInt16BE(at) : Number.POSITIVE_INFINITY
    if (end > bytes.length) throw new RevenantError('EVIDENCE_INVALID', 'the bundle of entries ends within an entry')
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  return entries
}
