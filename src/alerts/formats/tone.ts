import type { Alert } from '../../domain/alert.ts'
import type { Severity } from '../../domain/finding.ts'
import type { Envelope } from '../envelope.ts'

/** How a message looks to people: as its severity, or calm, since nothing is open any more that it speaks of. */
export type Tone = Severity | 'resolved'

export function toneOf({ event, finding }: Pick<Alert, 'event' | 'finding'>): Tone {
  return event === 'resolved' ? 'resolved' : finding.severity
}

/** Of a whole message. */
export function toneOfMessage({ severity, closes }: Pick<Envelope, 'severity' | 'closes'>): Tone {
  return closes ? 'resolved' : severity
}

/** A title behind its severity. The end of a finding says so by itself, and no rule for "CRITICAL" must fire on it. */
export function headlineOf(tone: Tone, title: string): string {
  return tone === 'resolved' && title !== '' ? title : `${tone.toUpperCase()} ${title}`
}
