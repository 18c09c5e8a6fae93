import { describe, expect, it } from 'vitest'
import { localInstant, parseInstant } from '../../src/intake/instant.ts'

const DAY_END = { timeZone: 'Europe/Berlin', terminationCutOff: '18:00' }

describe('a local date', () => {
  const cases: [name: string, date: string, time: string | null, zone: string | null, instant: string][] = [
    ['alone means the cut-off in the configured zone', '2026-01-31', null, null, '2026-01-31T17:00:00Z'],
    ['in summer', '2026-07-31', null, null, '2026-07-31T16:00:00Z'],
    ['with a time', '2026-01-31', '09:30', null, '2026-01-31T08:30:00Z'],
    ['with seconds', '2026-01-31', '23:59:59', null, '2026-01-31T22:59:59Z'],
    ['with a zone keeps the cut-off', '2026-01-31', null, 'America/New_York', '2026-01-31T23:00:00Z'],
    ['with a time and a zone', '2026-01-31', '09:30', 'Asia/Kolkata', '2026-01-31T04:00:00Z'],
    // 02:00 becomes 03:00: 02:30 is 30 minutes after the change.
    ['at a time that the clocks skipped', '2026-03-29', '02:30', null, '2026-03-29T01:30:00Z'],
    // 03:00 becomes 02:00: 02:30 comes at 00:30Z and at 01:30Z.
    ['at a time that came twice', '2026-10-25', '02:30', null, '2026-10-25T01:30:00Z'],
    // Samoa had no 30 December 2011.
    ['on a day that was skipped', '2011-12-30', '12:00', 'Pacific/Apia', '2011-12-30T22:00:00Z'],
  ]
  it.each(cases)('%s', (_name, date, time, zone, instant) => {
    expect(localInstant(date, time, zone, DAY_END).toString()).toBe(instant)
  })

  const bad: [date: string, time: string | null, zone: string | null, part: string][] = [
    ['31.01.2026', null, null, 'date'],
    ['2026-02-30', null, null, 'date'],
    ['2026-01-31T18:00', null, null, 'date'],
    ['2026-01-31', '6pm', null, 'time'],
    ['2026-01-31', '24:00', null, 'time'],
    ['2026-01-31', '25:00', null, 'time'],
    ['2026-01-31', '23:59:60', null, 'time'],
    ['2026-01-31', null, 'Berlin', 'zone'],
    ['2026-01-31', null, '+01:00', 'zone'],
  ]
  it.each(bad)('%s %s %s is refused', (date, time, zone, part) => {
    expect(() => localInstant(date, time, zone, DAY_END)).toThrow(
      expect.objectContaining({ code: 'INPUT_INVALID', message: expect.stringContaining(part) }),
    )
  })
})

describe('an instant', () => {
  it.each([
    ['2026-11-22T17:00:00Z', '2026-11-22T17:00:00Z'],
    ['2026-11-22T17:00:00+01:00', '2026-11-22T16:00:00Z'],
    ['2026-11-22t17:00:00z', '2026-11-22T17:00:00Z'],
    ['2026-11-22 17:00:00-05:30', '2026-11-22T22:30:00Z'],
    ['2026-11-22T17:00:00.123456789Z', '2026-11-22T17:00:00.123456Z'],
  ])('%s', (text, instant) => expect(parseInstant(text)?.toString()).toBe(instant))

  it.each([
    '2026-11-22',
    '2026-11-22T17:00:00',
    '2026-11-22T17:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-22T17:00:00+01:00[Europe/Berlin]',
    '1764000000',
    'now',
    '',
  ])('%s is none', (text) => expect(parseInstant(text)).toBeUndefined())
})
