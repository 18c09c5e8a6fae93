/** Counts the messages to a receiver, so that a storm becomes one message and not a thousand. */
export interface Pace {
  /**
   * Takes one message of the window. `wait`: the window is spent until then. `calm: false`: messages had to wait not long ago, so
   * this one should carry whatever waits.
   */
  take(now: Temporal.Instant): { wait: Temporal.Instant } | { calm: boolean }
  /** What was taken was not used: nothing was sent. */
  giveBack(): void
}

/**
 * Messages of a storm hold more than this most of the time. What waits is told to come back in the window that can carry it, so that ten
 * thousand alerts do not all come back in each; whoever leads a message takes along what would have come later.
 */
const ROWS = 20

/** @param limit left out: there is no limit */
export function openPace(limit: { count: number; perMs: number } | undefined): Pace {
  let beganMs = Number.NEGATIVE_INFINITY
  let taken = 0
  let refused = 0
  /** The latest instant that somebody was told to come back at. */
  let latestMs = Number.NEGATIVE_INFINITY
  return {
    take: (now) => {
      if (limit === undefined) return { calm: true }
      const nowMs = now.epochMilliseconds
      // A clock that was set back must not keep a window open for ever.
      if (nowMs - beganMs >= limit.perMs || nowMs < beganMs) {
        beganMs = nowMs
        taken = 0
        refused = 0
      }
      if (taken >= limit.count) {
        const windows = 1 + Math.floor(refused++ / (limit.count * ROWS))
        const waitMs = beganMs + limit.perMs * windows
        latestMs = Math.max(latestMs, waitMs)
        return { wait: Temporal.Instant.fromEpochMilliseconds(waitMs) }
      }
      taken++
      return { calm: nowMs >= latestMs + limit.perMs }
    },
    giveBack: () => {
      taken = Math.max(0, taken - 1)
    },
  }
}
