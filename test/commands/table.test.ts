import { describe, expect, it } from 'vitest'
import { ago, span } from '../../src/commands/table.ts'

const HOUR = 3_600_000

describe('time in a table', () => {
  const now = Temporal.Instant.from('2026-11-23T12:00:00Z')

  it.each<[hours: number, words: string]>([
    [39, 'in 1d'],
    [47.99, 'in 1d'],
    [48, 'in 2d'],
    [23.9, 'in 23h'],
    [1.99, 'in 1h'],
    [0.999, 'in 59min'],
    [1.9 / 3_600, 'in 1s'],
    [0.9 / 3_600, 'in 0s'],
    [0, '0s ago'],
    [-0.0001, '0s ago'],
    [-39, '1d ago'],
    [-1.99, '1h ago'],
  ])('%d hours ahead is %s: never more than there is', (hours, words) => {
    expect(ago(now, now.add({ milliseconds: Math.round(hours * HOUR) }))).toBe(words)
  })

  it('tells what is under a second of a latency', () => {
    expect([span(0), span(0.4), span(12.7), span(999), span(1_999)]).toEqual(['0s', '0s', '12ms', '999ms', '1s'])
  })

  it('has no word for what never was', () => {
    expect(ago(now, null)).toBe('-')
  })
})
