import { setTimeout as sleep } from 'node:timers/promises'

export interface RateLimit {
  count: number
  perMs: number
}

export interface RateLimiter {
  /** Resolves when one more attempt may start; at once (undefined) where the bucket holds a token. Rejects when the signal aborts. */
  acquire(signal: AbortSignal): Promise<void> | undefined
}

/**
 * A token bucket: at most `count` attempts in any `perMs`, at an even pace with a burst of a tenth of the rate (at least one).
 *
 * @param now monotonic milliseconds
 */
export function openRateLimiter(limit: RateLimit, now: () => number = () => performance.now()): RateLimiter {
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
      return sleep(waitMs, undefined, { signal })
    },
  }
}
