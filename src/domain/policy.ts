import type { Tier } from './system.ts'

/** Observations are kept for at least so long, whatever the configuration says: `retention.observations` takes nothing less. */
export const SHORTEST_RETENTION_MS = 30 * 86_400_000

/** What is expected of a revocation and how often it is looked at. Durations are milliseconds. */
export interface Policy {
  /** From termination until access must be gone. */
  revokeWithinMs: Record<Tier, number>
  /** How long a due credential may go without a judgement before that is a finding. */
  verifyWithinMs: number
  /** Proven rejections in a row that close a finding. */
  confirmRejections: number
  confirmAfterMs: number
  /** The first row whose `untilMs` (since termination) has not passed holds; the last row has none. */
  cadence: { untilMs?: number; everyMs: number }[]
  provenEveryMs: number
  remindEveryMs: number
}
