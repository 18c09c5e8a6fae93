import { setTimeout as sleep } from 'node:timers/promises'

/** A timer that is set for longer goes off at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export interface RateLimit {
  count: number
  perMs: number
}

export interface RateLimiter {
  /** Resolves when one more attempt may start; at once (undefined) where one may now. Rejects when the signal aborts. */
  acquire(signal: AbortSignal): Promise<void> | undefined
}

/** The places that a limiter takes at a time on the time line that all processes share; times in milliseconds. */
export interface Places {
  count: number
  /** From one place to the next. */
  spacingMs: number
  /** A place that nobody took may still be taken so long after its time. */
  burstMs: number
  /** Places farther ahead are left to whoever gets to them first. */
  horizonMs: number
}

/** `startsInMs`: when the first of the places is, behind us where negative. `retryInMs`: none was near enough; ask again then. */
export type TakePlaces = (places: Places) => Promise<{ startsInMs: number } | { retryInMs: number }>

/** As far as places are taken ahead: what a process that dies leaves unused. */
const HORIZON_MS = 250
/** Between being given a place and taking it some time passes, and for a place without a burst none may. */
const GRACE_MS = 5

/**
 * An even pace of `count` attempts per `perMs`, and after a lull a burst of a tenth of the rate (at least one). No window of `perMs`
 * sees more than `count` and one burst, whatever the number of limiters: each attempt has a place of its own on one time line, which
 * `take` keeps in the database. A limiter takes a few places at a time, a burst at most, and never one that is far off: what is taken and
 * not used is lost to the others.
 *
 * @param now monotonic milliseconds
 */
export function openRateLimiter(
  limit: RateLimit,
  take: TakePlaces,
  now: () => number = () => performance.now(),
  wait: (ms: number, signal: AbortSignal) => Promise<void> = (ms, signal) => sleep(ms, undefined, { signal }),
): RateLimiter {
  const spacingMs = limit.perMs / limit.count
  const burst = Math.max(1, Math.floor(limit.count / 10))
  const burstMs = (burst - 1) * spacingMs
  const graceMs = Math.min(GRACE_MS, spacingMs / 2)
  const count = Math.max(1, Math.min(burst, Math.floor(HORIZON_MS / spacingMs)))
  // What is left of the places that were taken: the time of the first, and how many.
  let nextAt = 0
  let left = 0
  let taking: Promise<{ retryInMs: number } | undefined> | undefined

  /** The time of a place of ours; undefined where none is left. */
  const place = (): number | undefined => {
    const late = now() - burstMs - nextAt
    if (left > 0 && late > graceMs) {
      const missed = Math.min(left, Math.ceil(late / spacingMs))
      left -= missed
      nextAt += missed * spacingMs
    }
    if (left === 0) return undefined
    const at = nextAt
    left--
    nextAt += spacingMs
    return at
  }
  const takeMore = async () => {
    const got = await take({ count, spacingMs, burstMs, horizonMs: HORIZON_MS })
    if ('retryInMs' in got) return got
    // The answer took its time: no place of it is late for that.
    nextAt = now() + Math.max(got.startsInMs, -burstMs)
    left = count
    return undefined
  }
  const until = async (at: number, signal: AbortSignal): Promise<void> => {
    const waitMs = at - now()
    if (waitMs <= 0) return
    try {
      await wait(Math.min(waitMs, LONGEST_TIMER_MS), signal)
    } catch (error) {
      giveBack(at)
      throw error
    }
  }
  /** Called off: the place goes to the next who asks, unless it lies apart from those that are left. */
  const giveBack = (at: number) => {
    const isNear = (other: number) => Math.abs(other - at) < spacingMs / 2
    if (left === 0 || isNear(nextAt - spacingMs)) {
      nextAt = at
      left++
    } else if (isNear(nextAt + left * spacingMs)) left++
  }
  const queue = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      // Rejects as any other wait does.
      if (signal.aborted) await wait(0, signal)
      const at = place()
      if (at !== undefined) return until(at, signal)
      taking ??= takeMore().finally(() => {
        taking = undefined
      })
      const later = await taking
      if (later !== undefined) await wait(Math.min(Math.max(later.retryInMs, 1), LONGEST_TIMER_MS), signal)
    }
  }
  return {
    acquire: (signal) => {
      const at = place()
      if (at === undefined) return queue(signal)
      return at <= now() ? undefined : until(at, signal)
    },
  }
}
