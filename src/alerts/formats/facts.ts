import type { Alert, AlertEvidence } from '../../domain/alert.ts'
import { span } from '../../domain/span.ts'
import { moment } from '../describe.ts'
import { plain } from '../plain.ts'

/** One line of what an alert says, for formats that people read. */
export interface Fact {
  label: string
  value: string
}

/** The longest value, in UTF-16 units: Slack takes 2,000 a field. */
const MAX_VALUE = 1_000

/** Everything that is known and not in the title or the summary, in the order in which somebody asks; printable, one line each. */
export function factsOf(alert: Alert): Fact[] {
  const { finding, system, identity, credential, evidence, deadline } = alert
  return [
    fact('Who', [
      identity?.name,
      identity?.externalId,
      identity?.email,
      identity && KINDS[identity.kind],
      identity?.owner && `owner ${identity.owner}`,
      identity?.terminatedAt && `left ${moment(identity.terminatedAt)}`,
    ]),
    fact('Credential', [
      credential?.label,
      credential?.kind,
      credential?.principal && `account ${credential.principal}`,
      credential && `${credential.privilege} privilege`,
    ]),
    fact('Fingerprint', [credential?.fingerprint]),
    fact('System', [system?.name, system?.probe, system && `${system.tier} tier`, system?.owner && `owner ${system.owner}`]),
    fact('Address', [system?.origin]),
    fact('Open since', [finding.state === 'resolved' ? undefined : moment(finding.openedAt)]),
    fact('Open from', [finding.state === 'resolved' ? `${moment(finding.openedAt)} to ${end(alert)}` : undefined]),
    fact('Proof', evidence === undefined ? [] : proofOf(evidence)),
    fact('Controls', evidence?.controls.map(({ control, verdict, reason }) => `${control} ${verdict} (${reason})`) ?? []),
    fact('Deadline', [
      deadline && `${moment(deadline.revokeBy)}`,
      deadline && finding.state !== 'resolved' ? lateness(deadline.overdueMs) : undefined,
    ]),
    fact(
      'Frameworks',
      Object.entries(alert.frameworks).map(([name, controls]) => `${name} ${controls.join(' ')}`),
    ),
    fact('Finding', [finding.id, `${alert.event} #${alert.sequence}`]),
    fact('Trace', [alert.traceId]),
  ].filter(({ value }) => value !== '')
}

/** How an answer was weighed: the verdict and what backs it. */
export function proofOf(evidence: AlertEvidence): string[] {
  return [
    `${evidence.verdict} (${evidence.reason})`,
    `${evidence.strength} evidence`,
    ASSURANCE[evidence.assurance],
    ...(evidence.verdict === 'accepted' ? [evidence.confirmed ? 'confirmed by a made-up secret' : 'not confirmed'] : []),
    ...(evidence.transport === 'verified' ? [] : [`transport ${evidence.transport}`]),
    moment(evidence.observedAt),
  ]
}

/** "2 d overdue", "1 h left". */
export function lateness(overdueMs: number): string {
  return overdueMs > 0 ? `${span(overdueMs)} overdue` : `${span(overdueMs)} left`
}

const KINDS = { human: 'person', service: 'service account', agent: 'AI agent' } as const
const ASSURANCE = {
  controlled: 'decoys refused and canary accepted',
  explicit: 'decoys refused, no canary',
  none: 'no control passed',
} as const

function end({ finding }: Alert): string {
  return moment(finding.resolvedAt ?? finding.lastSeenAt)
}

function fact(label: string, parts: readonly (string | undefined)[]): Fact {
  const shown = parts.map((part) => plain(part ?? '', MAX_VALUE)).filter((part) => part !== '')
  return { label, value: plain(shown.join(', '), MAX_VALUE) }
}
