import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openRateLimiter } from '../../src/scan/rate.ts'

const never = new AbortController().signal

/** The instants at which the attempts of a few eager lanes start, by a clock that stands still between them. */
function starts(limit: { count: number; perMs: number }, arrivals: readonly number[]): number[] {
  let clock = 0
  const waits: number[] = []
  const limiter = openRateLimiter(
    limit,
    () => clock,
    (ms) => {
      waits.push(ms)
      return Promise.resolve()
    },
  )
  return arrivals.map((at) => {
    clock = Math.max(clock, at)
    const turn = limiter.acquire(never)
    return turn === undefined ? clock : clock + (waits.at(-1) ?? 0)
  })
}

describe('openRateLimiter', () => {
  const limits = fc.record({ count: fc.integer({ min: 1, max: 500 }), perMs: fc.constantFrom(1_000, 60_000, 86_400_000) })

  it('never lets more start in any window than the rate and its burst allow', () => {
    fc.assert(
      fc.property(limits, fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 150 }), (limit, gaps) => {
        let at = 0
        const arrivals = gaps.map((gap) => (at += gap))
        const at0 = starts(limit, arrivals)
        const burst = Math.max(1, Math.floor(limit.count / 10))
        const perToken = limit.perMs / limit.count
        for (let from = 0; from < at0.length; from++) {
          for (let to = from; to < at0.length; to++) {
            const windowMs = (at0[to] ?? 0) - (at0[from] ?? 0)
            expect(to - from + 1).toBeLessThanOrEqual(burst + windowMs / perToken + 1e-6)
          }
        }
      }),
      { numRuns: 100 },
    )
  })

  it('keeps up the rate where there is always somebody waiting', () => {
    const at = starts(
      { count: 10, perMs: 1_000 },
      Array.from({ length: 101 }, () => 0),
    )
    expect(at.at(-1)).toBeCloseTo(10_000, 0)
  })

  it('starts no later than it must: idle time fills the bucket, and no further than to the burst', () => {
    const at = starts({ count: 100, perMs: 1_000 }, [
      ...Array.from({ length: 11 }, () => 0),
      ...Array.from({ length: 12 }, () => 60_000),
    ])
    expect(at.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 0))
    expect(at[10]).toBeCloseTo(10)
    expect(at.slice(11, 21)).toEqual(Array.from({ length: 10 }, () => 60_000))
    expect(at[21]).toBeCloseTo(60_010)
    expect(at[22]).toBeCloseTo(60_020)
  })

  it('ends a wait when the signal does', async () => {
    const limiter = openRateLimiter({ count: 1, perMs: 60_000 })
    const stop = new AbortController()
    expect(limiter.acquire(stop.signal)).toBeUndefined()
    const turn = limiter.acquire(stop.signal)
    stop.abort()
    await expect(turn).rejects.toMatchObject({ name: 'AbortError' })
  })
})
