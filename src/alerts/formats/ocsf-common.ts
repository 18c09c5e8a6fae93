import type { FindingEvent, Severity } from '../../domain/finding.ts'

export const OCSF_VERSION = '1.8.0'

/** `activity_id` of a finding and its caption. */
export const OCSF_ACTIVITIES: Record<FindingEvent, readonly [number, string]> = {
  opened: [1, 'Create'],
  escalated: [2, 'Update'],
  reminded: [2, 'Update'],
  reopened: [2, 'Update'],
  resolved: [3, 'Close'],
}

/** `severity_id` and its caption. */
export const OCSF_SEVERITIES: Record<Severity, readonly [number, string]> = {
  info: [1, 'Informational'],
  low: [2, 'Low'],
  medium: [3, 'Medium'],
  high: [4, 'High'],
  critical: [5, 'Critical'],
}

/** OCSF's timestamp_t: milliseconds since the epoch. */
export function ms(instant: string): number {
  return Temporal.Instant.from(instant).epochMilliseconds
}
