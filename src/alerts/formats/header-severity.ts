import type { FindingEvent, Severity } from '../../domain/finding.ts'
import type { healthOf } from './heartbeat-facts.ts'

const SEVERITIES: Record<Severity, number> = { info: 1, low: 3, medium: 5, high: 8, critical: 10 }

/** The severity in the header of CEF and LEEF, 1 to 10. The end of a finding is never more than low: a header pages people. */
export function headerSeverity(severity: Severity, event: FindingEvent): number {
  return event === 'resolved' ? Math.min(SEVERITIES[severity], SEVERITIES.low) : SEVERITIES[severity]
}

/** Of a sign of life. */
export const HEALTH_SEVERITIES: Record<ReturnType<typeof healthOf>, number> = { well: 1, degraded: 3, failing: 5 }
