import { EMPTY_ROOT, type Hash, nodeHash } from './merkle.ts'

/** The root of a complete subtree: the `index`-th of those over 2^`level` leaves. Level 0 are the leaves. */
export interface Node {
  level: number
  index: number
}

/** Reads nodes; the answer is in the order of the question. A missing one is an error of the reader's. */
export type ReadNodes = (nodes: readonly Node[]) => Promise<readonly Hash[]>

/** The root of the first `size` leaves. */
export async function readRoot(size: number, read: ReadNodes): Promise<Hash> {
  if (size === 0) return EMPTY_ROOT
  const [root = EMPTY_ROOT] = await readParts([rangeOf(0, size)], read)
  return root
}

/** The inclusion proof of the leaf at `index` in the tree of `size` leaves (RFC 9162 §2.1.3.1). Throws a RangeError outside of it. */
export async function readInclusion(index: number, size: number, read: ReadNodes): Promise<Hash[]> {
  return readParts(inclusionParts(index, size), read)
}

/** The consistency proof from the first `from` leaves to the first `to` (RFC 9162 §2.1.4.1). Empty for 0 and for equal sizes. */
export async function readConsistency(from: number, to: number, read: ReadNodes): Promise<Hash[]> {
  return readParts(consistencyParts(from, to), read)
}

/** One hash of a proof, as the complete subtrees that it is folded from, left to right. */
export type Part = readonly Node[]

/** The hashes of an inclusion proof, from the leaf's sibling up. */
export function inclusionParts(index: number, size: number): Part[] {
  if (!(index >= 0 && index < size)) throw new RangeError(`no leaf ${index} in a tree of ${size}`)
  const parts: Part[] = []
  let [begin, end] = [0, size]
  while (end - begin > 1) {
    const middle = begin + splitOf(end - begin)
    if (index < middle) {
      parts.push(rangeOf(middle, end))
      end = middle
    } else {
      parts.push(rangeOf(begin, middle))
      begin = middle
    }
  }
  return parts.reverse()
}

/** The hashes of a consistency proof, in the order of RFC 9162. */
export function consistencyParts(from: number, to: number): Part[] {
  if (!(from >= 0 && from <= to)) throw new RangeError(`no tree of ${to} grows from one of ${from}`)
  if (from === 0 || from === to) return []
  const parts: Part[] = []
  let [begin, end] = [0, to]
  while (from !== end) {
    const middle = begin + splitOf(end - begin)
    if (from <= middle) {
      parts.push(rangeOf(middle, end))
      end = middle
    } else {
      parts.push(rangeOf(begin, middle))
      begin = middle
    }
  }
  // The subtree in which the old tree ends; when that is the whole old tree its hash is known.
  if (begin !== 0) parts.push(rangeOf(begin, end))
  return parts.reverse()
}

/** The complete subtrees of a range of leaves, left to right. `begin` is a multiple of the range's largest power of two, as in proofs. */
export function rangeOf(begin: number, end: number): Node[] {
  const nodes: Node[] = []
  for (let at = begin; at < end; ) {
    const level = floorLog2(end - at)
    const width = 2 ** level
    nodes.push({ level, index: at / width })
    at += width
  }
  return nodes
}

/** Folds complete subtrees, left to right in rising order of leaves, into the hash of their range. */
export function fold(hashes: readonly Hash[]): Hash {
  return hashes.length === 0 ? EMPTY_ROOT : hashes.reduceRight((right, left) => nodeHash(left, right))
}

async function readParts(parts: readonly Part[], read: ReadNodes): Promise<Hash[]> {
  const hashes = await read(parts.flat())
  let at = 0
  return parts.map((part) => {
    const own = hashes.slice(at, at + part.length)
    at += part.length
    return fold(own)
  })
}

/** The largest power of two below `width`: where RFC 9162 splits a tree. */
function splitOf(width: number): number {
  const power = 2 ** floorLog2(width)
  return power === width ? power / 2 : power
}

/** Math.log2 alone rounds up just below large powers of two. */
function floorLog2(value: number): number {
  const log = Math.floor(Math.log2(value))
  return 2 ** log > value ? log - 1 : log
}
