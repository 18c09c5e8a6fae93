import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  EMPTY_ROOT,
  type Hash,
  leafHash,
  nodeHash,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from '../../src/evidence/merkle.ts'
import { type Node, readConsistency, readInclusion, readRoot } from '../../src/evidence/merkle-proof.ts'

const FILE = new URL('../../../shared/standards/vectors/rfc6962-merkle.json', import.meta.url)
const present = existsSync(FILE)

const base64 = z.string().transform((text) => Buffer.from(text, 'base64'))
const proof = z
  .array(base64)
  .nullable()
  .transform((hashes) => hashes ?? [])
const vectors = z.object({
  inclusion: z.array(
    z.object({
      leafIdx: z.number(),
      treeSize: z.number(),
      root: base64,
      leafHash: base64,
      proof,
      desc: z.string(),
      wantErr: z.boolean(),
    }),
  ),
  consistency: z.array(
    z.object({
      size1: z.number(),
      size2: z.number(),
      root1: base64,
      root2: base64,
      proof,
      desc: z.string(),
      wantErr: z.boolean(),
    }),
  ),
  leafInputsHex: z.array(z.string()),
  rootHashesHex: z.array(z.string()),
})

describe.skipIf(!present)(present ? 'the public vectors' : 'the public vectors: ../shared/standards/vectors is missing', () => {
  const given = present ? vectors.parse(JSON.parse(readFileSync(FILE, 'utf8'))) : undefined

  it('all 98 of inclusion', () => {
    const wrong = given?.inclusion.filter(
      ({ leafIdx, treeSize, root, leafHash: leaf, proof, wantErr }) =>
        verifyInclusion({ index: leafIdx, size: treeSize, root, leaf, proof }) === wantErr,
    )
    expect(given?.inclusion).toHaveLength(98)
    expect(wrong?.map(({ desc }) => desc)).toEqual([])
  })

  it('all 98 of consistency', () => {
    const wrong = given?.consistency.filter(
      ({ size1, size2, root1, root2, proof, wantErr }) =>
        verifyConsistency({ from: size1, to: size2, fromRoot: root1, toRoot: root2, proof }) === wantErr,
    )
    expect(given?.consistency).toHaveLength(98)
    expect(wrong?.map(({ desc }) => desc)).toEqual([])
  })

  it('all 9 roots', () => {
    const leaves = given?.leafInputsHex.map((hex) => leafHash(Buffer.from(hex, 'hex'))) ?? []
    const roots = Array.from({ length: leaves.length + 1 }, (_, size) => hex(rootOf(leaves.slice(0, size))))
    expect(roots).toEqual(given?.rootHashesHex)
    expect(roots).toHaveLength(9)
  })
})

describe('proofs over complete subtrees', () => {
  it('agree with the definitions of RFC 9162 for every leaf and every older tree', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.nat(), fc.nat(), async (size, a, b) => {
        const leaves = leavesOf(size)
        const root = naiveRoot(leaves)
        const index = a % size
        const from = 1 + (b % size)
        expect(hex(await readRoot(size, readerOf(leaves)))).toBe(hex(root))
        const inclusion = await readInclusion(index, size, readerOf(leaves))
        expect(inclusion.map(hex)).toEqual(naivePath(index, leaves).map(hex))
        expect(verifyInclusion({ index, size, root, leaf: at(leaves, index), proof: inclusion })).toBe(true)
        const consistency = await readConsistency(from, size, readerOf(leaves))
        expect(consistency.map(hex)).toEqual(naiveSubproof(from, leaves, true).map(hex))
        const fromRoot = naiveRoot(leaves.slice(0, from))
        expect(verifyConsistency({ from, to: size, fromRoot, toRoot: root, proof: consistency })).toBe(true)
      }),
    )
  })

  it('hold nothing else: any flipped bit, other index, other size, missing or added hash is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 200 }), fc.nat(), fc.nat(), fc.nat(), async (size, a, where, bit) => {
        const leaves = leavesOf(size)
        const index = a % size
        const proof = await readInclusion(index, size, readerOf(leaves))
        const claim = { index, size, root: naiveRoot(leaves), leaf: at(leaves, index), proof }
        const flipped = proof.map((hash, at) => (at === where % proof.length ? flip(hash, bit % 256) : hash))
        expect(verifyInclusion({ ...claim, proof: flipped })).toBe(false)
        expect(verifyInclusion({ ...claim, leaf: flip(claim.leaf, bit % 256) })).toBe(false)
        expect(verifyInclusion({ ...claim, root: flip(claim.root, bit % 256) })).toBe(false)
        expect(verifyInclusion({ ...claim, proof: proof.slice(1) })).toBe(false)
        expect(verifyInclusion({ ...claim, proof: [...proof, claim.leaf] })).toBe(false)
        expect(verifyInclusion({ ...claim, index: (index + 1) % size })).toBe(false)
        expect(verifyInclusion({ ...claim, index: size })).toBe(false)
      }),
    )
  })

  it('an empty tree is consistent with nothing that could be proven', () => {
    const root = rootOf(leavesOf(3))
    expect(verifyConsistency({ from: 0, to: 3, fromRoot: EMPTY_ROOT, toRoot: root, proof: [] })).toBe(false)
    expect(verifyConsistency({ from: 0, to: 0, fromRoot: EMPTY_ROOT, toRoot: EMPTY_ROOT, proof: [] })).toBe(false)
  })

  it('refuses a question outside of the tree', async () => {
    await expect(readInclusion(3, 3, readerOf(leavesOf(3)))).rejects.toThrow(RangeError)
    await expect(readConsistency(4, 3, readerOf(leavesOf(3)))).rejects.toThrow(RangeError)
  })
})

function leavesOf(size: number): Hash[] {
  return Array.from({ length: size }, (_, index) => leafHash(Buffer.from(`leaf ${index}`)))
}

/** MTH of RFC 9162 §2.1.1, word by word. */
function naiveRoot(leaves: readonly Hash[]): Hash {
  if (leaves.length === 0) return EMPTY_ROOT
  if (leaves.length === 1) return at(leaves, 0)
  const k = split(leaves.length)
  return nodeHash(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)))
}

/** PATH of RFC 9162 §2.1.3.1. */
function naivePath(index: number, leaves: readonly Hash[]): Hash[] {
  if (leaves.length === 1) return []
  const k = split(leaves.length)
  return index < k
    ? [...naivePath(index, leaves.slice(0, k)), naiveRoot(leaves.slice(k))]
    : [...naivePath(index - k, leaves.slice(k)), naiveRoot(leaves.slice(0, k))]
}

/** SUBPROOF of RFC 9162 §2.1.4.1. */
function naiveSubproof(from: number, leaves: readonly Hash[], known: boolean): Hash[] {
  if (from === leaves.length) return known ? [] : [naiveRoot(leaves)]
  const k = split(leaves.length)
  return from <= k
    ? [...naiveSubproof(from, leaves.slice(0, k), known), naiveRoot(leaves.slice(k))]
    : [...naiveSubproof(from - k, leaves.slice(k), false), naiveRoot(leaves.slice(0, k))]
}

function split(size: number): number {
  let k = 1
  while (k * 2 < size) k *= 2
  return k
}

function readerOf(leaves: readonly Hash[]) {
  return async (nodes: readonly Node[]) =>
    nodes.map(({ level, index }) => naiveRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)))
}

function flip(hash: Hash, bit: number): Hash {
  return hash.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
}

function at(leaves: readonly Hash[], index: number): Hash {
  const hash = leaves[index]
  if (hash === undefined) throw new Error(`no leaf ${index}`)
  return hash
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
