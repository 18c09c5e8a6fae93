import { describe, expect, it } from 'vitest'
import { countPaths, daysIn, isStatementName, periodOf, STATEMENT_LABELS } from '../../src/dashboard/statement.ts'
import { STATEMENT_NAMES } from '../../src/evidence/statements.ts'

const NOW = Date.parse('2026-11-22T18:30:00Z')

describe('statements on the page', () => {
  it('are all that there are', () => {
    expect(Object.keys(STATEMENT_LABELS).toSorted()).toEqual([...STATEMENT_NAMES].toSorted())
    expect([isStatementName('leavers'), isStatementName('toString'), isStatementName('leaver')]).toEqual([true, false, false])
  })

  it.each([
    [{}, { from: '2026-10-24', to: '2026-11-22' }],
    [{ from: '2026-11-01' }, { from: '2026-11-01', to: '2026-11-22' }],
    [{ to: '2026-03-01' }, { from: '2026-01-31', to: '2026-03-01' }],
    [
      { from: '2026-13-01', to: 'yesterday' },
      { from: '2026-10-24', to: '2026-11-22' },
    ],
    [
      { from: '2025-01-01', to: '2024-01-01' },
      { from: '2025-01-01', to: '2024-01-01' },
    ],
  ])('%j are the days %j', (filters, days) => {
    expect(daysIn(filters, NOW)).toEqual(days)
  })

  it.each([
    ['2026-11-01', '2026-11-21', '2026-11-01T00:00:00.000Z', '2026-11-22T00:00:00.000Z'],
    ['2026-11-01', '2026-11-22', '2026-11-01T00:00:00.000Z', '2026-11-22T18:30:00.000Z'],
    ['2026-11-22', '2026-11-22', '2026-11-22T00:00:00.000Z', '2026-11-22T18:30:00.000Z'],
    ['2027-01-01', '2027-01-01', '2027-01-01T00:00:00.000Z', '2027-01-01T00:00:00.001Z'],
  ])('from %s to %s: %s until %s', (first, last, from, to) => {
    expect(periodOf({ from: first, to: last }, NOW)).toEqual({ from, to })
  })

  it('count what is proven, and nothing as closed that is not', () => {
    const rows = [
      { system: 'a', state: 'closed', in_time: true },
      { system: 'a', state: 'closed', in_time: false },
      ...['open', 'refused', 'not_tried', 'unverified', 'retired'].map((state) => ({ system: 'b', state, in_time: true })),
    ]
    expect(countPaths(rows)).toEqual({ paths: 7, closed: 2, inTime: 1, open: 1, notProven: 3, retired: 1 })
    // Somebody of whom no credential is known has one row without a system.
    expect(countPaths([{ system: null, state: 'not_tried', in_time: null }]).paths).toBe(0)
  })
})
