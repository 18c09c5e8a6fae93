import { describe, expect, it } from 'vitest'
import type { Facts } from '../../../src/domain/leaf.ts'
import { absentFrom, enterScope } from '../../../src/intake/feed/scope.ts'

const T0 = Temporal.Instant.from('2026-11-22T12:00:00.123456789Z')
const at = (hours: number) => T0.add({ hours })
/** The database's grain. */
const told = (hours: number) => at(hours).round({ smallestUnit: 'microsecond', roundingMode: 'floor' }).toString()
const [ONE, TWO] = [{ filter: 'one' }, { filter: 'two' }]

function enterAll(asked: readonly Facts[]) {
  let position: Facts | null = null
  return asked.map((each, n) => {
    const scope = enterScope(position, each, at(n))
    position = scope.kept
    return scope
  })
}

describe('for whom a source is asked', () => {
  it.each<[string, Facts | null, boolean, boolean, (string | null)[]]>([
    ['was never read', null, true, false, [null]],
    ['was read by a version that kept no scope', { readAt: '2026-01-01T00:00:00Z' }, true, false, [null]],
    ['was read so while something else was asked for', { scope: 'x' }, false, true, [told(0)]],
  ])('a source that %s', (_what, position, sure, changed, since) => {
    const scope = enterScope(position, ONE, at(0), sure)
    expect([scope.changed, scope.periods.map((period) => period.since)]).toEqual([changed, since])
  })

  it('is remembered by its periods, which end where another begins', () => {
    const scopes = enterAll([ONE, ONE, TWO, ONE])
    expect(scopes.map(({ changed }) => changed)).toEqual([false, false, true, true])
    expect(scopes.map(({ periods }) => periods)).toEqual([
      [{ since: null, until: null }],
      [{ since: null, until: null }],
      [{ since: told(2), until: null }],
      [
        { since: null, until: told(2) },
        { since: told(3), until: null },
      ],
    ])
  })

  it('forgets the oldest periods of very many, and calls nobody missing by that', () => {
    const last = enterAll(Array.from({ length: 40 }, (_, n) => ({ filter: String(n % 3) }))).at(-1)
    expect(last?.periods.length).toBeLessThan(8)
    expect(last?.periods.every(({ since }) => since !== null)).toBe(true)
  })

  it('tells apart who is missing and who was never to be on the list', () => {
    const here = [
      { key: 'a', external_id: 'A', asked: true },
      { key: 'b', external_id: 'B', asked: true },
      { key: 'c', external_id: 'C', asked: false },
    ]
    expect(absentFrom(new Set(['a']), here)).toEqual({ missing: here.slice(1, 2), outOfSight: here.slice(2) })
  })
})
