import type { GapReason } from '../gap.ts'
import type { Facts } from '../leaf.ts'
import { msOf } from './instant.ts'

/** A time in which a system's credentials were due and nobody tried them. Null `to_at`: it lasts. */
export interface GapFields {
  id: string
  system_id: string
  reason: GapReason
  from_at: Temporal.Instant
  to_at: Temporal.Instant | null
  /** Overdue when the gap was found. */
  credentials_at_start: number
  /** Overdue at most, while it lasted. */
  credentials: number
}

/** What is logged when a gap is found. One row has two entries: this one and, later, `gapClosedFacts`. */
export function gapOpenedFacts(row: GapFields): Facts {
  return {
    credentials: row.credentials_at_start,
    event: 'opened',
    from_ms: msOf(row.from_at),
    id: row.id,
    reason: row.reason,
    system_id: row.system_id,
    to_ms: null,
    type: 'gap',
  }
}

/** What is logged when it has ended. */
export function gapClosedFacts(row: GapFields): Facts {
  return {
    credentials: row.credentials,
    event: 'closed',
    from_ms: msOf(row.from_at),
    id: row.id,
    reason: row.reason,
    system_id: row.system_id,
    to_ms: msOf(row.to_at),
    type: 'gap',
  }
}
