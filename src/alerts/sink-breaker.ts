/** Keeps many alerts from knocking at a receiver that does not answer: after some failures in a row all of them wait together. */
export interface SinkBreaker {
  /**
   * When the receiver is asked again; undefined: now. Once that instant comes one delivery is let through, the others wait for it; whoever
   * was let through says what came of it by one of the three below.
   */
  closedUntil(now: Temporal.Instant): Temporal.Instant | undefined
  /** The same, for whoever only wants to know: lets nothing through. */
  pausedUntil(now: Temporal.Instant): Temporal.Instant | undefined
  /** @param retryAfterMs how long the receiver itself asked to be left alone */
  failed(now: Temporal.Instant, retryAfterMs: number | undefined): void
  succeeded(): void
  /** Nothing was sent, or what came back says nothing of the next alert: the next one may ask. */
  undecided(now: Temporal.Instant): void
}

/** Failures in a row before everybody waits. */
const THRESHOLD = 5
const FIRST_PAUSE_MS = 15_000
const LONGEST_PAUSE_MS = 300_000
/** How long the one that asks again keeps the others waiting. */
const TRIAL_MS = 20_000

export function openSinkBreaker(): SinkBreaker {
  let failures = 0
  let pauses = 0
  let until: Temporal.Instant | undefined
  let asking = false
  return {
    closedUntil: (now) => {
      if (until === undefined) return undefined
      if (Temporal.Instant.compare(now, until) < 0) return until
      until = now.add({ milliseconds: TRIAL_MS })
      asking = true
      return undefined
    },
    pausedUntil: (now) => (until !== undefined && Temporal.Instant.compare(now, until) < 0 ? until : undefined),
    failed: (now, retryAfterMs = 0) => {
      failures++
      // Those under way when the pause began fail too: they are the same failure and do not prolong it.
      const paused = until !== undefined && !asking
      const pauseMs = failures >= THRESHOLD && !paused ? lengthOf(pauses++) : 0
      const waitMs = Math.max(pauseMs, Math.round(Math.min(retryAfterMs, LONGEST_PAUSE_MS)))
      const next = now.add({ milliseconds: waitMs })
      if (waitMs > 0 && (until === undefined || asking || Temporal.Instant.compare(next, until) > 0)) until = next
      // Too few failures in a row for a pause, and the receiver did not ask for one.
      else if (asking) until = undefined
      asking = false
    },
    succeeded: () => {
      failures = 0
      pauses = 0
      until = undefined
      asking = false
    },
    undecided: (now) => {
      if (asking) until = now
      asking = false
    },
  }
}

function lengthOf(pauses: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(pauses, 10))
}
