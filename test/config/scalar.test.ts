import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDuration } from '../../src/config/duration.ts'
import { nearest } from '../../src/config/nearest.ts'
import { parseRate } from '../../src/config/rate.ts'
import { parseReference } from '../../src/domain/reference.ts'

const UNITS = { ms: 'milliseconds', s: 'seconds', m: 'minutes', h: 'hours' } as const

describe('durations', () => {
  it('agree with Temporal', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999_999_999 }), fc.constantFrom('ms', 's', 'm', 'h'), (count, unit) => {
        expect(parseDuration(`${count}${unit}`)).toBe(Temporal.Duration.from({ [UNITS[unit]]: count }).total('milliseconds'))
      }),
    )
  })

  it.each(['', '10', 's', '0s', '01s', '-1s', '1.5h', '1 s', '1h30m', '10S', '1y', '1s\n', '9999999999s'])(
    'refuse %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined()
    },
  )

  it.each([
    ['1d', 86_400_000],
    ['2w', 1_209_600_000],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })
})

describe('rates', () => {
  it.each([
    ['10/s', { count: 10, perMs: 1_000 }],
    ['600/m', { count: 600, perMs: 60_000 }],
    ['3/24h', { count: 3, perMs: 86_400_000 }],
    ['1/7d', { count: 1, perMs: 604_800_000 }],
  ])('%s', (text, rate) => {
    expect(parseRate(text)).toEqual(rate)
  })
  it.each(['', '10', '/s', '0/s', '10/0s', '1.5/s', '10 / s', '10/ms', '10/s/s', '-1/s'])('refuse %j', (text) => {
    expect(parseRate(text)).toBeUndefined()
  })
})

describe('references', () => {
  it.each([
    ['env:NAME', { scheme: 'env', rest: 'NAME' }],
    ['env:_a1', { scheme: 'env', rest: '_a1' }],
    ['file:/run/secrets/x y', { scheme: 'file', rest: '/run/secrets/x y' }],
    ['file:C:\\secrets\\x', { scheme: 'file', rest: 'C:\\secrets\\x' }],
  ])('%s', (text, parts) => {
    expect(parseReference(text)).toEqual(parts)
  })
  it.each([
    '',
    ':',
    'env:',
    'env:1A',
    'env:A-B',
    'env:A ',
    'file:',
    'file:x',
    'file:./x',
    'file:/x\n',
    'vault:x',
    'constructor:x',
    '__proto__:x',
    'hunter2',
  ])('refuse %j', (text) => {
    expect(parseReference(text)).toBeUndefined()
  })
})

describe('nearest', () => {
  const known = ['limits', 'controls', 'schedule', 'tier', 'timeZone']
  it.each([
    ['limit', 'limits'],
    ['timezone', 'timeZone'],
    ['shedule', 'schedule'],
    ['tire', 'tier'],
    ['entirely', undefined],
    ['', undefined],
  ])('%s → %s', (word, expected) => {
    expect(nearest(word, known)).toBe(expected)
  })
})
