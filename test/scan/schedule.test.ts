import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ASSURANCES, STRENGTHS, VERDICTS } from '../../src/domain/verdict.ts'
import { type CheckOutcome, nextCheck } from '../../src/scan/schedule.ts'
import { POLICY } from './house.ts'

const HOUR = 3_600_000
const AT = Temporal.Instant.from('2026-03-03T00:00:00Z').epochMilliseconds
const OUTCOME: CheckOutcome = {
  atMs: AT,
  verdict: 'accepted',
  strength: 'strong',
  assurance: 'controlled',
  terminatedAtMs: AT - 48 * HOUR,
  rejections: 0,
  failures: 0,
  notBeforeMs: undefined,
}
const next = (fields: Partial<CheckOutcome>, random = 0.5) => {
  const check = nextCheck({ ...OUTCOME, ...fields }, POLICY, random)
  return { ...check, afterMs: check.dueAtMs - AT }
}
const rejected = { verdict: 'rejected' as const }
const inconclusive = { verdict: 'inconclusive' as const }

describe('nextCheck', () => {
  it.each<[string, Partial<CheckOutcome>, number]>([
    ['accepted, an old leaver: daily', {}, 24 * HOUR],
    ['accepted, a fresh leaver: hot', { terminatedAtMs: AT - 59 * 60_000 }, 5 * 60_000],
    ['accepted at the end of a row: the next row holds', { terminatedAtMs: AT - 60 * 60_000 }, 24 * HOUR],
    ['first proof: the second comes soon', rejected, 5 * 60_000],
    ['second proof: dead, weekly', { ...rejected, rejections: 1 }, 168 * HOUR],
    [
      'second proof without a canary: dead, and looked at once more within a day',
      { ...rejected, assurance: 'explicit', rejections: 1 },
      24 * HOUR,
    ],
    ['further proofs without a canary: weekly', { ...rejected, assurance: 'explicit', rejections: 2 }, 168 * HOUR],
    ['a rejection that proves nothing: as its age says', { ...rejected, strength: 'weak', assurance: 'explicit' }, 24 * HOUR],
    ['first failure: a minute', inconclusive, 60_000],
    ['fourth failure: eight minutes', { ...inconclusive, failures: 3 }, 8 * 60_000],
    ['many failures: no less often than its age says', { ...inconclusive, failures: 999 }, 24 * HOUR],
  ])('%s', (_name, fields, expected) => {
    expect(next(fields).afterMs).toBe(expected)
  })

  const arbitrary = fc.record({
    verdict: fc.constantFrom(...VERDICTS),
    strength: fc.constantFrom(...STRENGTHS),
    assurance: fc.constantFrom(...ASSURANCES),
    ageMs: fc.integer({ min: -HOUR, max: 9_000 * HOUR }),
    rejections: fc.integer({ min: 0, max: 9 }),
    failures: fc.integer({ min: 0, max: 5_000 }),
    notBeforeMs: fc.option(fc.integer({ min: -HOUR, max: 900 * HOUR }), { nil: undefined }),
    random: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  })
  const always = (holds: (outcome: CheckOutcome, next: ReturnType<typeof nextCheck>) => void) =>
    fc.assert(
      fc.property(arbitrary, ({ ageMs, notBeforeMs, random, ...rest }) => {
        const outcome: CheckOutcome = {
          ...rest,
          atMs: AT,
          terminatedAtMs: AT - ageMs,
          notBeforeMs: notBeforeMs === undefined ? undefined : AT + notBeforeMs,
        }
        holds(outcome, nextCheck(outcome, POLICY, random))
      }),
      { numRuns: 1_000 },
    )
  const isProof = ({ verdict, strength, assurance }: CheckOutcome) =>
    verdict === 'rejected' && assurance !== 'none' && (strength === 'strong' || assurance === 'controlled')

  it('is always later than now, and never before what the system asked for', () => {
    always(({ atMs, notBeforeMs }, { dueAtMs }) => {
      expect(dueAtMs).toBeGreaterThan(atMs)
      expect(dueAtMs).toBeGreaterThanOrEqual(notBeforeMs ?? 0)
    })
  })

  it('says dead after enough proofs in a row only', () => {
    always((outcome, { dead, rejections }) => {
      expect(dead).toBe(isProof(outcome) && outcome.rejections + 1 >= POLICY.confirmRejections)
      if (dead) expect(rejections).toBeGreaterThanOrEqual(POLICY.confirmRejections)
    })
  })

  it('counts proofs by proofs, forgets them by an acceptance, and leaves them alone otherwise', () => {
    always((outcome, { rejections }) => {
      const expected = outcome.verdict === 'accepted' ? 0 : outcome.rejections + (isProof(outcome) ? 1 : 0)
      expect(rejections).toBe(expected)
    })
  })

  it('counts answers that could not be judged, and forgets them by any other', () => {
    always((outcome, { failures }) => {
      expect(failures).toBe(outcome.verdict === 'inconclusive' ? outcome.failures + 1 : 0)
    })
  })

  it('starts the clock of the next judgement by a judgement only', () => {
    always((outcome, { judged, verifyByMs, dueAtMs }) => {
      expect(judged).toBe(outcome.verdict === 'accepted' || isProof(outcome))
      expect(verifyByMs).toBe(judged ? dueAtMs + POLICY.verifyWithinMs : undefined)
    })
  })

  it('spreads what fell due together over a tenth of the pause, but not the second proof', () => {
    expect([0, 0.5, 0.999].map((random) => Math.round((next({}, random).afterMs / HOUR) * 10) / 10)).toEqual([22.8, 24, 25.2])
    expect([0, 0.999].map((random) => next(rejected, random).afterMs)).toEqual([300_000, 300_000])
  })
})
