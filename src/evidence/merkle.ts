import { sha256 } from './crypto.ts'

/** SHA-256, 32 bytes. */
export type Hash = Uint8Array

/** Leaves and inner nodes are hashed apart, so that no node can be shown as a leaf (RFC 9162 §2.1.1, as in RFC 6962 §2.1). */
const LEAF = 0x00
const NODE = 0x01
export const HASH_BYTES = 32

/** The root of a tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT: Hash = sha256(new Uint8Array(0))

/** The hash of a leaf: SHA-256(0x00 ‖ entry). */
export function leafHash(entry: Uint8Array): Hash {
  const bytes = new Uint8Array(1 + entry.length)
  bytes[0] = LEAF
  bytes.set(entry, 1)
  return sha256(bytes)
}

/** The hash of a node: SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Hash, right: Hash): Hash {
  const bytes = new Uint8Array(1 + 2 * HASH_BYTES)
  bytes[0] = NODE
  bytes.set(left, 1)
  bytes.set(right, 1 + HASH_BYTES)
  return sha256(bytes)
}

/** The root over all leaf hashes at once, by the definition (RFC 9162 §2.1.1). For trees that fit into memory. */
export function rootOf(leaves: readonly Hash[]): Hash {
  if (leaves.length === 0) return EMPTY_ROOT
  let level = leaves
  while (level.length > 1) {
    const above: Hash[] = []
    for (let index = 0; index < level.length; index += 2) {
      const [left, right] = [level[index], level[index + 1]]
      if (left !== undefined) above.push(right === undefined ? left : nodeHash(left, right))
    }
    level = above
  }
  return level[0] ?? EMPTY_ROOT
}

export interface InclusionClaim {
  /** Zero-based. */
  index: number
  size: number
  leaf: Hash
  root: Hash
  /** From the leaf's sibling up to the root's child. */
  proof: readonly Hash[]
}

/** Whether a leaf stands at `index` of the tree of this root (RFC 9162 §2.1.3.2). False for whatever is malformed. */
export function verifyInclusion({ index, size, leaf, root, proof }: InclusionClaim): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false
  if (![leaf, root, ...proof].every(isHash)) return false
  let [fn, sn] = [BigInt(index), BigInt(size - 1)]
  let seen = leaf
  for (const step of proof) {
    if (sn === 0n) return false
    if ((fn & 1n) === 1n || fn === sn) {
      seen = nodeHash(step, seen)
      while ((fn & 1n) === 0n && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n]
    } else seen = nodeHash(seen, step)
    ;[fn, sn] = [fn >> 1n, sn >> 1n]
  }
  return sn === 0n && isSame(seen, root)
}

export interface ConsistencyClaim {
  from: number
  to: number
  fromRoot: Hash
  toRoot: Hash
  proof: readonly Hash[]
}

/**
 * Whether the tree of `to` leaves begins with the very leaves of the tree of `from` leaves (RFC 9162 §2.1.4.2). An empty tree is
 * consistent with everything, which proves nothing: `from` 0 is false.
 */
export function verifyConsistency({ from, to, fromRoot, toRoot, proof }: ConsistencyClaim): boolean {
  if (!isCount(from) || !isCount(to) || from === 0 || from > to) return false
  if (from === to) return proof.length === 0 && isSame(fromRoot, toRoot)
  if (![fromRoot, toRoot, ...proof].every(isHash)) return false
  let [fn, sn] = [BigInt(from - 1), BigInt(to - 1)]
  while ((fn & 1n) === 1n) [fn, sn] = [fn >> 1n, sn >> 1n]
  // A `from` that is a power of two is a node of the larger tree itself, and the proof leaves it out.
  const [first, ...steps] = fn === 0n ? [fromRoot, ...proof] : proof
  if (first === undefined) return false
  let [before, after] = [first, first]
  for (const step of steps) {
    if (sn === 0n) return false
    if ((fn & 1n) === 1n || fn === sn) {
      before = nodeHash(step, before)
      after = nodeHash(step, after)
      while ((fn & 1n) === 0n && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n]
    } else after = nodeHash(after, step)
    ;[fn, sn] = [fn >> 1n, sn >> 1n]
  }
  return sn === 0n && isSame(before, fromRoot) && isSame(after, toRoot)
}

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function isHash(value: Hash): boolean {
  return value.length === HASH_BYTES
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
