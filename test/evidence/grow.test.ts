import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { edgeOf, openTree, type StoredTile } from '../../src/evidence/grow.ts'
import { EMPTY_ROOT, leafHash, rootOf } from '../../src/evidence/merkle.ts'
import { grownTiles } from '../../src/evidence/tiles.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('a tree that grows by its right edge', () => {
  it('has the root and the tiles of the whole tree, whatever the steps', async () => {
    const steps = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(steps, async (sizes) => {
        const stored = new Map<string, StoredTile>()
        const leaves: Uint8Array[] = []
        for (const more of sizes) {
          const before = leaves.length
          const edge = edgeOf(before).flatMap(({ level, index }) => stored.get(`${level}/${index}`) ?? [])
          const tree = openTree(before, edge)
          expect(hex(await tree.root())).toBe(hex(rootOf(leaves)))
          const added = Array.from({ length: more }, (_, at) => leafHash(Buffer.from(`leaf ${before + at}`)))
          tree.append(added)
          leaves.push(...added)
          expect(tree.size).toBe(leaves.length)
          expect(hex(await tree.root())).toBe(hex(rootOf(leaves)))
          const changed = tree.changed()
          expect(changed.map(({ level, index, hashes }) => `${level}/${index} ${hashes.length / 32}`).toSorted()).toEqual(
            grownTiles(before, leaves.length)
              .map(({ level, index, width }) => `${level}/${index} ${width}`)
              .toSorted(),
          )
          for (const tile of changed) stored.set(`${tile.level}/${tile.index}`, tile)
        }
      }),
      { numRuns: 40 },
    )
  })

  it('over 66,000 leaves, where a third level begins', async () => {
    const leaves = Array.from({ length: 66_000 }, (_, at) => leafHash(Buffer.from(String(at))))
    const tree = openTree(0, [])
    expect(hex(await tree.root())).toBe(hex(EMPTY_ROOT))
    tree.append(leaves.slice(0, 65_536))
    const again = openTree(65_536, tree.changed())
    again.append(leaves.slice(65_536))
    expect(hex(await again.root())).toBe(hex(rootOf(leaves)))
  })

  it('needs every tile of the edge, as wide as the size says', () => {
    const tree = openTree(0, [])
    tree.append(Array.from({ length: 300 }, (_, at) => leafHash(Buffer.of(at & 255))))
    const tiles = tree.changed()
    const without = tiles.filter(({ level }) => level !== 1)
    const short = tiles.map((tile) =>
      tile.level === 0 && tile.index === 1 ? { ...tile, hashes: tile.hashes.subarray(32) } : tile,
    )
    for (const edge of [without, short, []])
      expect(() => openTree(300, edge)).toThrow(expect.objectContaining({ code: 'EVIDENCE_INVALID' }))
  })
})
