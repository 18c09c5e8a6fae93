export const FINDING_KINDS = [
  'residual_access',
  'resurrected_access',
  'shared_secret_not_rotated',
  'handover_overdue',
  'open_system',
  'any_secret_accepted',
  'principal_mismatch',
  'blind_system',
  'unverified_past_deadline',
  'orphaned_identity',
  'feed_silent',
  'standing_grant',
] as const
export type FindingKind = (typeof FINDING_KINDS)[number]

/** In rising order. */
export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const
export type Severity = (typeof SEVERITIES)[number]

export const FINDING_STATES = ['open', 'acknowledged', 'resolved'] as const
export type FindingState = (typeof FINDING_STATES)[number]

/** What alerts are sent for: edges, never levels. */
export const FINDING_EVENTS = ['opened', 'escalated', 'reminded', 'resolved', 'reopened'] as const
export type FindingEvent = (typeof FINDING_EVENTS)[number]

/** True when `a` is at least as severe as `b`. */
export function atLeast(a: Severity, b: Severity): boolean {
  return SEVERITIES.indexOf(a) >= SEVERITIES.indexOf(b)
}
