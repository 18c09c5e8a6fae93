import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockBytesFor, blocksOf, openBlocks } from '../../src/evidence/bundle/blocks.ts'
import { repairBlock, sumsOf } from '../../src/evidence/reed-solomon.ts'

/** The definition, the slow way: Σ cᵢ·α^(j·(n-1-i)), multiplied bit by bit. */
function sumsByDefinition(block: Uint8Array): Buffer {
  const times = (a: number, b: number) => {
    let [product, factor] = [0, a]
    for (let bit = 0; bit < 16; bit++) {
      if (((b >> bit) & 1) === 1) product ^= factor
      factor <<= 1
      if (factor > 0xffff) factor ^= 0x1100b
    }
    return product
  }
  const symbols = Array.from(
    { length: Math.ceil(block.length / 2) },
    (_, at) => ((block[2 * at] ?? 0) << 8) | (block[2 * at + 1] ?? 0),
  )
  const bytes = Buffer.alloc(32)
  for (let j = 0; j < 16; j++) {
    let step = 1
    for (let n = 0; n < j; n++) step = times(step, 2)
    let [sum, weight] = [0, 1]
    for (const symbol of symbols.toReversed()) {
      sum ^= times(symbol, weight)
      weight = times(weight, step)
    }
    bytes.writeUInt16BE(sum, 2 * j)
  }
  return bytes
}

const block = (max: number) => fc.uint8Array({ minLength: 1, maxLength: max })

describe('sums of blocks', () => {
  it('are those of their definition', () => {
    fc.assert(
      fc.property(block(60), (bytes) => {
        expect(Buffer.from(sumsOf(bytes)).equals(sumsByDefinition(bytes))).toBe(true)
      }),
      { numRuns: 50 },
    )
  })

  it('put any change of eight symbols right', () => {
    fc.assert(
      fc.property(block(700), fc.array(fc.tuple(fc.nat(699), fc.nat(255)), { minLength: 1, maxLength: 8 }), (bytes, changes) => {
        const changed = Uint8Array.from(bytes)
        for (const [at, value] of changes) changed[at % bytes.length] = value
        expect(repairBlock(changed, sumsOf(bytes))).toEqual(bytes)
      }),
      { numRuns: 300 },
    )
  })

  it('put a largest block right', () => {
    const bytes = Uint8Array.from({ length: 131_070 }, (_, at) => (at * 31) % 251)
    const changed = Uint8Array.from(bytes)
    for (let n = 0; n < 8; n++) changed[n * 16_000 + 1] = 255
    expect(Buffer.compare(repairBlock(changed, sumsOf(bytes)) ?? Buffer.alloc(0), bytes)).toBe(0)
  })

  it('never pass what their digest does not: too many changes are told as such', async () => {
    const bytes = Uint8Array.from({ length: 1_000 }, (_, at) => at % 251)
    const held = openBlocks(await blocksOf([bytes.subarray(0, 300), bytes.subarray(300)], 256), bytes.length)
    expect(held?.count).toBe(4)
    expect(held?.lengthOf(3)).toBe(1_000 - 3 * 256)
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 256, maxLength: 256 }), (other) => {
        const repaired = held?.repair(1, other)
        expect(repaired === undefined || Buffer.compare(repaired, bytes.subarray(256, 512)) === 0).toBe(true)
      }),
      { numRuns: 100 },
    )
    expect(openBlocks(await blocksOf([bytes], 256), 2_000)).toBeUndefined()
  })

  it.each([
    [0, 10, 256],
    [2_560, 10, 256],
    [2_561, 10, 512],
    [1e12, 10, 65_536],
  ])('a file of %i bytes in %i blocks has them of %i', (bytes, most, expected) => {
    expect(blockBytesFor(bytes, most)).toBe(expected)
  })
})
