import type { Alert } from '../domain/alert.ts'
import type { FindingEvent, Severity } from '../domain/finding.ts'
import { plain } from './plain.ts'
import { type AlertGroup, type Heartbeat, openOnes, type Subject, severityOf } from './subject.ts'

/** What a transport puts around a body: identifiers, severity, facts for headers. The same in every retry; no secrets. */
export interface Envelope {
  /** Receivers drop what they have seen under it. */
  id: string
  /** Receivers group, order and resolve by it: the same over the life of a finding. */
  key: string
  event: FindingEvent | 'group' | 'heartbeat'
  severity: Severity
  /** Nothing is open any more that this message speaks of. */
  closes: boolean
  /** RFC 3339, UTC: of the event, never of the delivery. */
  at: string
  /** One line. */
  title: string
  test: boolean
  /** Facts by name, in a fixed order, each one printable line of at most 256 characters: for structured data, headers and fields. */
  facts: Readonly<Record<string, string>>
}

export function envelopeOf(subject: Subject): Envelope {
  if (subject.type === 'alert') return ofAlert(subject.alert)
  return subject.type === 'group' ? ofGroup(subject.group) : ofHeartbeat(subject.heartbeat)
}

function ofAlert(alert: Alert): Envelope {
  const { finding, identity, credential, evidence } = alert
  return {
    id: alert.id,
    key: alert.dedupKey,
    event: alert.event,
    severity: finding.severity,
    closes: alert.event === 'resolved',
    at: alert.at,
    title: alert.title,
    test: alert.test ?? false,
    facts: present({
      id: alert.id,
      dedup: alert.dedupKey,
      event: alert.event,
      sequence: String(alert.sequence),
      finding: finding.id,
      kind: finding.kind,
      severity: finding.severity,
      state: finding.state,
      system: alert.system?.name,
      identity: identity?.externalId,
      fingerprint: credential?.fingerprint,
      verdict: evidence?.verdict,
      reason: evidence?.reason,
      trace: alert.traceId,
      test: alert.test ? 'yes' : undefined,
    }),
  }
}

function ofGroup(group: AlertGroup): Envelope {
  const severity = severityOf(group)
  const count = group.alerts.length
  return {
    id: group.id,
    key: group.key,
    event: 'group',
    severity,
    closes: openOnes(group).length === 0,
    at: group.at,
    title: count === 1 ? group.alerts[0].title : `${count} alerts: ${group.about}`,
    test: group.alerts.every(({ test }) => test === true),
    facts: { id: group.id, dedup: group.key, event: 'group', alerts: String(count), severity },
  }
}

function ofHeartbeat({ id, at, nextBy, open }: Heartbeat): Envelope {
  const count = Object.values(open).reduce((sum, findings) => sum + findings, 0)
  return {
    id,
    key: 'heartbeat',
    event: 'heartbeat',
    severity: 'info',
    closes: false,
    at,
    title: `Revenant is running: ${count} open finding${count === 1 ? '' : 's'}`,
    test: false,
    facts: { id, dedup: 'heartbeat', event: 'heartbeat', severity: 'info', next: nextBy, open: String(count) },
  }
}

/** Identifiers are shorter; only names can be longer, and these are for filters, not for reading. */
const MAX_FACT = 256

function present(facts: Record<string, string | undefined>): Record<string, string> {
  const printable = Object.entries(facts).map(([name, value]) => [name, plain(value ?? '', MAX_FACT)] as const)
  return Object.fromEntries(printable.filter(([, value]) => value !== ''))
}
