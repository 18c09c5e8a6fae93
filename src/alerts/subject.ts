import type { Alert } from '../domain/alert.ts'
import { atLeast, type Severity } from '../domain/finding.ts'

/** What one message to a receiver is about: one alert, many at once for a person, or the sign that we are alive. */
export type Subject =
  | { type: 'alert'; alert: Alert }
  | { type: 'group'; group: AlertGroup }
  | { type: 'heartbeat'; heartbeat: Heartbeat }

/** Alerts that travel as one message: one leaver with forty open doors is one message with forty rows. */
export interface AlertGroup {
  /** UUID of this message, made of its alerts: the same in every retry, and when it is redriven with the same rows. */
  id: string
  /** What it was grouped by, e.g. `identity:<id>`; messages of one key belong to one conversation. */
  key: string
  /** What it was grouped by, for people: "Maya Lindqvist", "payroll-db", "25 alerts". */
  about: string
  /** When the newest of them happened, RFC 3339, UTC. */
  at: string
  /** In the order in which they happened; of one finding, in the order of its sequence. At least one. */
  alerts: readonly [Alert, ...Alert[]]
}

/** Sent on a schedule so that a receiver can tell silence from health. */
export interface Heartbeat {
  /** UUID, the same in every retry. */
  id: string
  /** RFC 3339, UTC. */
  at: string
  /** The next one is due by then: a receiver that hears nothing until then raises an alarm. */
  nextBy: string
  /** Findings that are open now, by severity. */
  open: Readonly<Record<Severity, number>>
  /** Credentials of terminated identities: judged within their cadence, not judged, overdue. */
  coverage: Readonly<{ verified: number; unverified: number; overdue: number }>
  /** Deliveries to all sinks that wait or are dead. */
  deliveries: Readonly<{ pending: number; dead: number }>
}

/** The alerts of a group after which something is open: of each finding its last one counts. */
export function openOnes({ alerts }: AlertGroup): Alert[] {
  const last = new Map(alerts.map((alert) => [alert.dedupKey, alert]))
  return [...last.values()].filter(({ event }) => event !== 'resolved')
}

/** The highest severity of what a group leaves open; of all its alerts where that is nothing. */
export function severityOf(group: AlertGroup): Severity {
  const { alerts } = group
  const open = openOnes(group)
  const [first = alerts[0], ...rest] = open.length === 0 ? alerts : open
  return rest.reduce<Severity>(
    (highest, { finding }) => (atLeast(finding.severity, highest) ? finding.severity : highest),
    first.finding.severity,
  )
}
