import { openRateLimiter, type RateLimit, type TakePlaces } from '../../src/scan/rate.ts'

/** Limiters of several processes on one time line, by a clock that moves when somebody waits. `src/store/rate.ts` is the real one. */
export function openTimeLine(limit: RateLimit) {
  let clock = 0
  let fullAt = Number.NEGATIVE_INFINITY
  const waits: number[] = []
  const take: TakePlaces = async ({ count, spacingMs, burstMs, horizonMs }) => {
    if (fullAt > clock + horizonMs) return { retryInMs: fullAt - clock - horizonMs }
    const startsAt = Math.max(fullAt, clock - burstMs)
    fullAt = startsAt + count * spacingMs
    return { startsInMs: startsAt - clock }
  }
  return {
    waits,
    now: () => clock,
    arrive: (at: number) => {
      clock = Math.max(clock, at)
    },
    open: () =>
      openRateLimiter(
        limit,
        take,
        () => clock,
        async (ms, signal) => {
          if (signal.aborted) throw new Error('called off')
          waits.push(ms)
          clock += ms
        },
      ),
  }
}
