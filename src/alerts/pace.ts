/** Counts the messages to a receiver, so that a storm becomes one message and not a thousand. */
export interface Pace {
  /**
   * Takes one message of the window. `wait`: the window is spent until then. `calm: false`: messages had to wait in the window before,
   * so this one should carry whatever waits.
   */
  take(now: Temporal.Instant): { wait: Temporal.Instant } | { calm: boolean }
}

/** @param limit left out: there is no limit */
export function openPace(limit: { count: number; perMs: number } | undefined): Pace {
  let beganMs = Number.NEGATIVE_INFINITY
  let taken = 0
  let refused = false
  let stormy = false
  return {
    take: (now) => {
      if (limit === undefined) return { calm: true }
      const nowMs = now.epochMilliseconds
      if (nowMs - beganMs >= limit.perMs) {
        beganMs = nowMs
        taken = 0
        stormy = refused
        refused = false
      }
      if (taken >= limit.count) {
        refused = true
        return { wait: Temporal.Instant.fromEpochMilliseconds(beganMs + limit.perMs) }
      }
      taken++
      return { calm: !stormy }
    },
  }
}
