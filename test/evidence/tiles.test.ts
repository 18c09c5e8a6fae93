import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LEDGER_KINDS } from '../../src/domain/ledger.ts'
import { entryBytes, entryHash, entryJson, parseEntry } from '../../src/evidence/entry.ts'
import { leafHash, nodeHash } from '../../src/evidence/merkle.ts'
import {
  formatBundle,
  grownTiles,
  hashInTile,
  parseBundle,
  parseTilePath,
  placeOf,
  subtreeHash,
  tilePath,
  widthOf,
} from '../../src/evidence/tiles.ts'

const INVALID = expect.objectContaining({ code: 'EVIDENCE_INVALID' })

describe('tile paths', () => {
  it.each([
    [{ level: 0, index: 0, width: 256 }, 'tile/0/000'],
    [{ level: 0, index: 1_234_067, width: 256 }, 'tile/0/x001/x234/067'],
    [{ level: 1, index: 1_234, width: 17 }, 'tile/1/x001/234.p/17'],
    [{ level: 'entries' as const, index: 273, width: 112 }, 'tile/entries/273.p/112'],
    [{ level: 63, index: 999, width: 255 }, 'tile/63/999.p/255'],
  ])('%j is %s', (tile, path) => {
    expect(tilePath(tile)).toBe(path)
    expect(parseTilePath(path)).toEqual(tile)
  })

  it.each([
    ...['', 'tile/0/0', 'tile/00/000', 'tile/64/000', 'tile/0/x000/001', 'tile/0/000.p/0', 'tile/0/000.p/256', 'tile/0/000.p/01'],
    ...[
      'tile/0/001/000',
      'tile/-1/000',
      'tile/0/000/',
      '/tile/0/000',
      'tile/data/000',
      'tile/0/000.p/',
      'tile/0/x999/x999/x999/x999/x999/999',
    ],
  ])('%s is none', (path) => {
    expect(parseTilePath(path)).toBeUndefined()
  })
})

describe('which tiles a tree has', () => {
  it('the example of the specification: 70,000 leaves', () => {
    const tiles = grownTiles(0, 70_000)
    const of = (level: number) => tiles.filter((tile) => tile.level === level)
    expect(of(0)).toHaveLength(274)
    expect(of(0).at(-1)).toEqual({ level: 0, index: 273, width: 112 })
    expect(of(1).map(({ width }) => width)).toEqual([256, 17])
    expect(of(2).map(({ width }) => width)).toEqual([1])
    expect(of(3)).toEqual([])
    expect(widthOf(0, 273, 70_000)).toBe(112)
    expect(widthOf(0, 274, 70_000)).toBe(0)
    expect(widthOf(1, 0, 256)).toBe(1)
  })

  it('what grows in steps is what was written at once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 140_000 }), fc.integer({ min: 0, max: 70_000 }), (from, more) => {
        const written = new Map<string, number>()
        for (const { level, index, width } of [...grownTiles(0, from), ...grownTiles(from, from + more)])
          written.set(`${level}/${index}`, width)
        const all = new Map(grownTiles(0, from + more).map(({ level, index, width }) => [`${level}/${index}`, width]))
        expect(written).toEqual(all)
      }),
      { numRuns: 50 },
    )
  })
})

describe('nodes in tiles', () => {
  it.each([
    [
      { level: 0, index: 257 },
      { level: 0, index: 1, from: 1, to: 2 },
    ],
    [
      { level: 7, index: 3 },
      { level: 0, index: 1, from: 128, to: 256 },
    ],
    [
      { level: 8, index: 300 },
      { level: 1, index: 1, from: 44, to: 45 },
    ],
    [
      { level: 15, index: 0 },
      { level: 1, index: 0, from: 0, to: 128 },
    ],
  ])('%j is %j', (node, place) => {
    expect(placeOf(node)).toEqual(place)
  })

  it('are hashed from the tile below their own level', () => {
    const hashes = Array.from({ length: 4 }, (_, index) => leafHash(Buffer.of(index)))
    const [a, b, c, d] = hashes
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('no hash')
    const tile = Buffer.concat(hashes)
    expect(Buffer.from(hashInTile({ level: 1, index: 1 }, tile))).toEqual(Buffer.from(nodeHash(c, d)))
    expect(Buffer.from(subtreeHash(tile, 0, 4))).toEqual(Buffer.from(nodeHash(nodeHash(a, b), nodeHash(c, d))))
    expect(() => hashInTile({ level: 3, index: 0 }, tile)).toThrow(INVALID)
    expect(() => hashInTile({ level: 0, index: 4 }, tile)).toThrow(INVALID)
  })
})

describe('entries', () => {
  const entry = { kind: 'observation', id: '0198f3c2-7a51-7d1e-8000-0123456789ab', digest: 'ab'.repeat(32) } as const

  it.each(LEDGER_KINDS)('of kind %s are canonical JSON and are read back', (kind) => {
    const bytes = entryBytes({ ...entry, kind })
    expect(Buffer.from(bytes).toString()).toBe(entryJson({ ...entry, kind }))
    expect(parseEntry(bytes)).toEqual({ ...entry, kind })
    expect(Buffer.from(entryHash({ ...entry, kind }))).toEqual(Buffer.from(leafHash(bytes)))
  })

  it.each([
    ['another kind', entryJson(entry).replace('observation', 'rumour')],
    ['another version', entryJson(entry).replace('"v":1', '"v":2')],
    ['a space', entryJson(entry).replace(',"v"', ', "v"')],
    ['capitals', entryJson(entry).replaceAll('ab', 'AB')],
    ['more after it', `${entryJson(entry)}\n`],
    ['no JSON', 'entry'],
  ])('with %s are refused', (_, text) => {
    expect(() => parseEntry(Buffer.from(text))).toThrow(INVALID)
  })

  it('lie in bundles behind their lengths', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (entries) => {
        expect(parseBundle(formatBundle(entries)).map((bytes) => [...bytes])).toEqual(entries.map((bytes) => [...bytes]))
      }),
    )
    const bundle = formatBundle([Buffer.from('abc')])
    expect(Buffer.from(bundle).toString('hex')).toBe('0003616263')
    expect(() => parseBundle(bundle.subarray(0, 4))).toThrow(INVALID)
    expect(() => parseBundle(bundle.subarray(0, 1))).toThrow(INVALID)
    expect(() => formatBundle([new Uint8Array(65_536)])).toThrow(INVALID)
  })
})
