import { setTimeout as sleep } from 'node:timers/promises'

/** A timer that is set for longer goes off at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export interface RateLimit {
  count: number
  perMs: number
}

export interface RateLimiter {
  /** Resolves when one more attempt may start; at once (undefined) where the bucket holds a token. Rejects when the signal aborts. */
  acquire(signal: AbortSignal): Promise<void> | undefined
}

/**
 * A token bucket: an even pace of `count` attempts per `perMs`, and after a lull a burst of a tenth of the rate (at least one). No
 * window of `perMs` sees more than `count` and one burst.
 *
 * @param now monotonic milliseconds
 */
export function openRateLimiter(
  limit: RateLimit,
  now: () => number = () => performance.now(),
  wait: (ms: number, signal: AbortSignal) => Promise<void> = (ms, signal) => sleep(ms, undefined, { signal }),
): RateLimiter {
  const perToken = limit.perMs / limit.count
  const burst = Math.max(1, Math.floor(limit.count / 10))
  // The instant at which the bucket would be full again: one number is the whole state (GCRA).
  let fullAt = now()
  return {
    acquire: (signal) => {
      const at = now()
      const start = Math.max(fullAt, at)
      fullAt = start + perToken
      const waitMs = fullAt - at - burst * perToken
      if (waitMs <= 0) return undefined
      return wait(Math.min(waitMs, LONGEST_TIMER_MS), signal).catch((error: unknown) => {
        // Called off: those who wait next must not wait for this one too.
        fullAt -= perToken
        throw error
      })
    },
  }
}
