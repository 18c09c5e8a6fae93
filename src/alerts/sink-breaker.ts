/** Keeps many alerts from knocking at a receiver that does not answer: after some failures in a row all of them wait together. */
export interface SinkBreaker {
  /** When the receiver is asked again; undefined: now. Once that instant comes one delivery is let through, the others wait for it. */
  closedUntil(now: Temporal.Instant): Temporal.Instant | undefined
  /** @param retryAfterMs how long the receiver itself asked to be left alone */
  failed(now: Temporal.Instant, retryAfterMs: number | undefined): void
  succeeded(): void
}

/** Failures in a row before everybody waits. */
const THRESHOLD = 5
const FIRST_PAUSE_MS = 15_000
const LONGEST_PAUSE_MS = 300_000
/** How long the one that asks again keeps the others waiting. */
const TRIAL_MS = 20_000

export function openSinkBreaker(): SinkBreaker {
  let failures = 0
  let until: Temporal.Instant | undefined
  return {
    closedUntil: (now) => {
      if (until === undefined) return undefined
      if (Temporal.Instant.compare(now, until) < 0) return until
      until = now.add({ milliseconds: TRIAL_MS })
      return undefined
    },
    failed: (now, retryAfterMs) => {
      failures++
      if (retryAfterMs !== undefined) until = now.add({ milliseconds: Math.round(Math.min(retryAfterMs, LONGEST_PAUSE_MS)) })
      else if (failures >= THRESHOLD) until = now.add({ milliseconds: pauseMs(failures) })
    },
    succeeded: () => {
      failures = 0
      until = undefined
    },
  }
}

function pauseMs(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - THRESHOLD, 10))
}
