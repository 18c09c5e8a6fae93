import { describe, expect, it } from 'vitest'
import { kindLabel } from '../../src/alerts/describe.ts'
import { FINDING_EVENT_NAMES } from '../../src/api/schemas/finding.ts'
import { cellLook } from '../../src/dashboard/coverage-cell.ts'
import { bandPath, daysBetween, stepPath, timeScale } from '../../src/dashboard/scale.ts'
import { schemaFields } from '../../src/dashboard/schema-fields.ts'
import { coarse, inputValue, relative, utc } from '../../src/dashboard/time.ts'
import { countOf, eventLabel, KIND_LABELS, percent, STANDINGS } from '../../src/dashboard/words.ts'
import { FINDING_KINDS } from '../../src/domain/finding.ts'

describe('what the page says', () => {
  it.each(FINDING_KINDS)('%s is called as in the alerts', (kind) => {
    expect(KIND_LABELS[kind]).toBe(kindLabel(kind))
  })

  it.each(FINDING_EVENT_NAMES)('%s has words of its own', (event) => {
    expect(eventLabel(event)).toMatch(/^[a-z]+(?: [a-z]+)*$/)
    expect(eventLabel('handed_over')).toBe('handed over')
  })

  it('gives what could not be judged a look of its own', () => {
    const doubtful = Object.entries(STANDINGS).flatMap(([standing, { look }]) => (look === 'doubt' ? [standing] : []))
    expect(doubtful).toEqual(['unverified', 'not_tried', 'refused'])
    expect(STANDINGS.closed.look).toBe('closed')
  })

  it.each([
    [0, 0, '–'],
    [0, 3, '0'],
    [3, 3, '100'],
    [1, 3, '33'],
    [1, 1_000, '<1'],
    [999, 1_000, '>99'],
  ])('%d of %d is %s per cent', (part, whole, text) => {
    expect(percent(part, whole)).toBe(text)
  })

  it('counts', () => {
    expect([countOf(1, 'row'), countOf(0, 'row'), countOf(1_204, 'identity', 'identities')]).toEqual([
      '1 row',
      '0 rows',
      '1,204 identities',
    ])
  })
})

describe('times', () => {
  const NOW = Date.parse('2026-11-22T12:00:00Z')
  it.each([
    ['2026-11-22T11:59:55Z', 'just now'],
    ['2026-11-22T12:00:40Z', 'in 40 s'],
    ['2026-11-22T11:58:20Z', '1 min ago'],
    ['2026-11-22T10:00:00Z', '2 h ago'],
    ['2026-11-21T10:00:00Z', '1 d 2 h ago'],
    ['2026-11-02T12:00:00Z', '20 d ago'],
    ['2026-11-27T12:00:00Z', 'in 5 d'],
  ])('%s is %s', (at, text) => {
    expect(relative(Date.parse(at), NOW)).toBe(text)
  })

  it('tells UTC, and what a field of local time shows', () => {
    expect(utc('2026-11-22T12:00:00.123Z')).toBe('2026-11-22 12:00:00 UTC')
    const at = new Date('2026-11-22T12:34:00Z')
    expect(new Date(inputValue(at)).getTime()).toBe(at.getTime())
    expect(coarse(0)).toBe('0 s')
  })
})

describe('plots', () => {
  const steps = [
    { minutes: 10, share: 0.5, low: 0.25, high: 0.75 },
    { minutes: 60, share: 0, low: 0, high: 0.1 },
  ]
  it('draws steps that begin at one, and the band around them', () => {
    const [x, y] = [(minutes: number) => minutes, (share: number) => 100 - share * 100]
    expect(stepPath(steps, ({ share }) => share, x, y)).toBe('M0 0L10 0L10 50L60 50L60 100')
    expect(bandPath(steps, x, y)).toBe('M0 0L10 0L10 25L60 25L60 90L60 100L60 75L10 75L10 0Z')
  })

  it.each([0, 59, 61, 100_000, 3_000_000])('has an axis that reaches %d minutes', (most) => {
    const { x, ticks } = timeScale(most, 40, 600)
    expect([x(0), Math.round(x(Math.max(most, 60))) <= 600]).toEqual([40, true])
    expect(ticks.map(({ at }) => at)).toEqual(ticks.map(({ at }) => at).toSorted((a, b) => a - b))
  })

  it('names every day', () => {
    expect(daysBetween('2028-02-28', '2028-03-01')).toEqual(['2028-02-28', '2028-02-29', '2028-03-01'])
  })

  it.each([
    [undefined, 'none'],
    [{ accepted: 1, rejected: 3, inconclusive: 0, blindMs: 0 }, 'whole'],
    [{ accepted: 0, rejected: 3, inconclusive: 1, blindMs: 0 }, 'part'],
    [{ accepted: 0, rejected: 3, inconclusive: 0, blindMs: 9 }, 'part'],
    [{ accepted: 0, rejected: 0, inconclusive: 4, blindMs: 0 }, 'doubt'],
    [{ accepted: 0, rejected: 0, inconclusive: 0, blindMs: 9 }, 'blind'],
    [{ accepted: 0, rejected: 0, inconclusive: 0, blindMs: 0 }, 'none'],
  ] as const)('a day like %o looks %s', (day, look) => {
    expect(cellLook(day)).toBe(look)
  })
})

describe('the fields of a schema', () => {
  it('tells name, type, need and meaning, of alternatives too', () => {
    const schema = {
      type: 'object',
      properties: {
        host: { type: 'string', description: 'where' },
        port: { type: 'integer', default: 5432 },
        mode: { enum: ['a', 'b'] },
      },
      required: ['host', 'port'],
      anyOf: [{ properties: { token: { anyOf: [{ type: 'string' }, { type: 'null' }] } }, required: ['token'] }],
    }
    expect(schemaFields(schema)).toEqual([
      { name: 'host', type: 'string', required: true, description: 'where' },
      { name: 'port', type: 'integer', required: false, description: '' },
      { name: 'mode', type: 'a | b', required: false, description: '' },
      { name: 'token', type: 'string | null', required: true, description: '' },
    ])
    expect(schemaFields(null)).toEqual([])
  })
})
