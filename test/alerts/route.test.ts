import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { aboutOf, groupKeyOf, quietUntil, wants } from '../../src/alerts/route.ts'
import type { Alert } from '../../src/domain/alert.ts'
import { SEVERITIES } from '../../src/domain/finding.ts'
import { type QuietHours, type Route, WEEKDAYS } from '../../src/domain/route.ts'
import { ALERT, ORPHAN } from './sample.ts'

const route = (over: Partial<Route>): Route => ({ name: 'soc', minSeverity: 'info', ...over })
const at = (hours: number, event: Alert['event'], severity: Alert['finding']['severity'] = 'critical'): Alert => ({
  ...ALERT,
  event,
  at: Temporal.Instant.from(ALERT.finding.openedAt)
    .add({ seconds: Math.round(hours * 3600) })
    .toString(),
  finding: { ...ALERT.finding, severity },
})

describe('wants', () => {
  it.each<[string, Partial<Route>, Alert, boolean]>([
    ['no condition', {}, ALERT, true],
    ['a severity that it reaches', { minSeverity: 'critical' }, ALERT, true],
    ['a severity above it', { minSeverity: 'high' }, ORPHAN, false],
    ['its kind', { kinds: ['blind_system', 'residual_access'] }, ALERT, true],
    ['another kind', { kinds: ['blind_system'] }, ALERT, false],
    ['its event', { events: ['opened'] }, ALERT, true],
    ['another event', { events: ['resolved', 'escalated'] }, ALERT, false],
    ['its tier', { tiers: ['critical'] }, ALERT, true],
    ['another tier', { tiers: ['low', 'standard'] }, ALERT, false],
    ['a tier, of what concerns no system', { tiers: ['low', 'standard', 'critical'] }, ORPHAN, false],
    ['its owner', { owners: ['web@example.com', 'dba@example.com'] }, ALERT, true],
    ['its owner in other letters', { owners: ['DBA@example.com'] }, ALERT, false],
    ['an owner, of what concerns no system', { owners: ['dba@example.com'] }, ORPHAN, false],
    ['its kind of identity', { identityKinds: ['service'] }, ORPHAN, true],
    ['another kind of identity', { identityKinds: ['service', 'agent'] }, ALERT, false],
    ['a kind of identity, of what concerns nobody', { identityKinds: ['human'] }, withoutIdentity(ALERT), false],
    ['all at once', { minSeverity: 'high', kinds: ['residual_access'], tiers: ['critical'] }, ALERT, true],
    ['all but one', { minSeverity: 'high', kinds: ['residual_access'], tiers: ['low'] }, ALERT, false],
    ['an age before it', { afterMs: 4 * 3_600_000 }, at(3.99, 'reminded'), false],
    ['an age exactly then', { afterMs: 4 * 3_600_000 }, at(4, 'reminded'), true],
    ['an age after it', { afterMs: 4 * 3_600_000 }, at(30, 'escalated'), true],
    ['an age, when it opens', { afterMs: 60_000 }, at(0, 'opened'), false],
    ['an age, when it is back after weeks', { afterMs: 60_000 }, at(500, 'reopened'), false],
  ])('%s', (_name, over, alert, expected) => {
    expect(wants(route(over), alert)).toBe(expected)
  })
})

describe('groupKeyOf', () => {
  it.each<[string, Route['group'], Alert, string | undefined]>([
    ['nothing', undefined, ALERT, undefined],
    ['identity', { by: 'identity', waitMs: 1 }, ALERT, `identity:${ALERT.identity?.id}`],
    ['system', { by: 'system', waitMs: 1 }, ALERT, `system:${ALERT.system.id}`],
    ['owner', { by: 'owner', waitMs: 1 }, ALERT, 'owner:dba@example.com'],
    ['sink', { by: 'sink', waitMs: 1 }, ALERT, 'sink:all'],
    ['system, where there is none: alone', { by: 'system', waitMs: 1 }, ORPHAN, `system:${ORPHAN.finding.id}`],
    ['owner, where there is none: alone', { by: 'owner', waitMs: 1 }, ORPHAN, `owner:${ORPHAN.finding.id}`],
  ])('%s', (_name, group, alert, expected) => {
    expect(groupKeyOf(route(group === undefined ? {} : { group }), alert)).toBe(expected)
  })
})

describe('aboutOf', () => {
  it.each<[Parameters<typeof aboutOf>[0], readonly [Alert, ...Alert[]], string]>([
    ['identity', [ALERT, ALERT], 'Jane Doe'],
    ['system', [ALERT, ALERT], 'payroll-db'],
    ['owner', [ALERT, ALERT], 'systems of dba@example.com'],
    ['sink', [ALERT, ALERT], 'Jane Doe'],
    ['sink', [ALERT, ALERT, ORPHAN], 'Jane Doe and 1 more'],
    [undefined, [withoutIdentity(ALERT), ALERT], 'payroll-db and 1 more'],
    ['system', [ORPHAN], 'svc-deploy'],
  ])('by %s: %#', (by, alerts, expected) => {
    expect(aboutOf(by, alerts)).toBe(expected)
  })
})

const berlin = (over: Partial<QuietHours> = {}): QuietHours => ({
  zone: 'Europe/Berlin',
  from: '22:00',
  to: '07:00',
  except: 'critical',
  ...over,
})

describe('quietUntil', () => {
  it.each<[string, QuietHours, string, string | undefined]>([
    ['by day', berlin(), '2026-11-24T12:00+01:00', undefined],
    ['in the evening', berlin(), '2026-11-24T23:30+01:00', '2026-11-25T07:00+01:00'],
    ['after midnight', berlin(), '2026-11-25T03:00+01:00', '2026-11-25T07:00+01:00'],
    ['a moment before they begin', berlin(), '2026-11-24T21:59:59.999999999+01:00', undefined],
    ['exactly when they begin', berlin(), '2026-11-24T22:00+01:00', '2026-11-25T07:00+01:00'],
    ['a moment before they end', berlin(), '2026-11-25T06:59:59.999999999+01:00', '2026-11-25T07:00+01:00'],
    ['exactly when they end', berlin(), '2026-11-25T07:00+01:00', undefined],
    ['over noon', berlin({ from: '12:00', to: '13:30' }), '2026-11-24T12:10+01:00', '2026-11-24T13:30+01:00'],
    ['over noon, in the evening', berlin({ from: '12:00', to: '13:30' }), '2026-11-24T18:00+01:00', undefined],
    ['on a day that they begin', berlin({ days: ['fri', 'sat'] }), '2026-11-27T23:00+01:00', '2026-11-28T07:00+01:00'],
    ['on the morning after the last such day', berlin({ days: ['sat'] }), '2026-11-29T06:00+01:00', '2026-11-29T07:00+01:00'],
    ['on the evening after the last such day', berlin({ days: ['sat'] }), '2026-11-29T23:00+01:00', undefined],
    ['a whole day', berlin({ from: '00:00', to: '00:00', days: ['sun'] }), '2026-11-29T18:00+01:00', '2026-11-30T00:00+01:00'],
    ['after a whole day', berlin({ from: '00:00', to: '00:00', days: ['sun'] }), '2026-11-30T00:00+01:00', undefined],
    ['in another zone than the clock', berlin({ zone: 'America/New_York' }), '2026-11-24T04:00Z', '2026-11-24T12:00Z'],
    // 29 March 2026, 02:00 becomes 03:00.
    ['in the short night', berlin(), '2026-03-28T23:00+01:00', '2026-03-29T07:00+02:00'],
    ['in the short night, after the change', berlin(), '2026-03-29T05:00+02:00', '2026-03-29T07:00+02:00'],
    ['ending in the hour that is not there', berlin({ to: '02:30' }), '2026-03-29T01:59+01:00', '2026-03-29T03:30+02:00'],
    ['beginning in it', berlin({ from: '02:30', to: '05:00' }), '2026-03-29T03:29+02:00', undefined],
    ['beginning in it, just after', berlin({ from: '02:30', to: '05:00' }), '2026-03-29T03:30+02:00', '2026-03-29T05:00+02:00'],
    ['ending before they begin, then', berlin({ from: '02:30', to: '03:10' }), '2026-03-29T03:05+02:00', undefined],
    // 25 October 2026, 03:00 becomes 02:00.
    ['in the long night', berlin(), '2026-10-24T23:00+02:00', '2026-10-25T07:00+01:00'],
    ['ending in the hour that is there twice', berlin({ to: '02:30' }), '2026-10-25T02:29+02:00', '2026-10-25T02:30+02:00'],
    ['the second time in it', berlin({ to: '02:30' }), '2026-10-25T02:10+01:00', undefined],
    [
      'beginning in it, the first time',
      berlin({ from: '02:30', to: '05:00' }),
      '2026-10-25T02:30+02:00',
      '2026-10-25T05:00+01:00',
    ],
    [
      'beginning in it, the second time',
      berlin({ from: '02:30', to: '05:00' }),
      '2026-10-25T02:10+01:00',
      '2026-10-25T05:00+01:00',
    ],
  ])('%s', (_name, quiet, now, expected) => {
    const until = quietUntil(quiet, 'high', Temporal.Instant.from(now))
    expect(until?.toString()).toBe(expected === undefined ? undefined : Temporal.Instant.from(expected).toString())
  })

  it('holds for severities under the exception only', () => {
    const night = Temporal.Instant.from('2026-11-25T03:00+01:00')
    const held = (except: QuietHours['except']) =>
      SEVERITIES.filter((severity) => quietUntil(berlin({ except }), severity, night) !== undefined)
    expect(held('critical')).toEqual(SEVERITIES.filter((each) => each !== 'critical'))
    expect(held('medium').toSorted()).toEqual(['info', 'low'])
    expect(held('info')).toEqual([])
    expect(quietUntil(undefined, 'info', night)).toBeUndefined()
  })

  it('never answers an instant that has come, nor one more than a day and an hour away', () => {
    const clock = fc.tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 })).map(([hour, minute]) => {
      return `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`
    })
    const quiet = fc
      .record({
        zone: fc.constantFrom(
          'Europe/Berlin',
          'UTC',
          'America/St_Johns',
          'Australia/Lord_Howe',
          'Asia/Kathmandu',
          'Pacific/Apia',
        ),
        from: clock,
        to: clock,
        except: fc.constant('critical' as const),
        days: fc.option(fc.subarray([...WEEKDAYS], { minLength: 1 })),
      })
      .map(({ days, ...rest }): QuietHours => (days === null ? rest : { ...rest, days }))
    const instants = fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2028, 0) })
    let held = 0
    fc.assert(
      fc.property(quiet, instants, (hours, ms) => {
        const until = quietUntil(hours, 'low', Temporal.Instant.fromEpochMilliseconds(ms))
        if (until === undefined) return
        held++
        expect(until.epochMilliseconds).toBeGreaterThan(ms)
        expect(until.epochMilliseconds - ms).toBeLessThanOrEqual(25 * 3_600_000)
      }),
      { numRuns: 1_000 },
    )
    expect(held).toBeGreaterThan(100)
  })
})

function withoutIdentity({ identity: _identity, ...rest }: Alert): Alert {
  return rest
}
