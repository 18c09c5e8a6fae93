/**
 * Facts name instants in epoch milliseconds, the database holds microseconds, and the clock gives nanoseconds, which the database
 * would round: an instant that a fact names is cut to its millisecond before it is written, so that the row tells the same.
 */
export function toMs(at: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.fromEpochMilliseconds(at.epochMilliseconds)
}

/** Epoch milliseconds, or null. */
export function msOf(at: Temporal.Instant | null): number | null {
  return at === null ? null : at.epochMilliseconds
}
