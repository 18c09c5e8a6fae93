import fc from 'fast-check'
import { expect, it } from 'vitest'
import { openSeen } from '../../src/intake/seen.ts'

it('answers the first line of a key that is not new, whatever else was added', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 3 }), { maxLength: 3000, size: 'max' }), (keys) => {
      const seen = openSeen()
      const first = new Map<string, number>()
      for (const [index, key] of keys.entries()) {
        expect(seen.has(key)).toBe(first.has(key))
        expect(seen.add(key, index + 1)).toBe(first.get(key))
        if (!first.has(key)) first.set(key, index + 1)
      }
    }),
    { numRuns: 20 },
  )
})

it('keeps every key of a large file', () => {
  const seen = openSeen()
  for (let line = 1; line <= 20_000; line++) expect(seen.add(`e${line}`, line)).toBeUndefined()
  for (let line = 1; line <= 20_000; line += 97) expect(seen.add(`e${line}`, 99_999)).toBe(line)
})
