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
  const { finding, system, identity, credential, grant, evidence, deadline } = alert
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
    fact('Grant', [
      grant?.title,
      grant?.kind.replaceAll('_', ' '),
      grant && `key ${grant.key}`,
      grant?.createdAt && `since ${moment(grant.createdAt)}`,
      grant?.lastUsedAt && `last used ${moment(grant.lastUsedAt)}`,
    ]),
    fact('Scopes', [grant?.scopes.join(' ')]),
    fact('System', [system?.name, system?.probe, system && `${system.tier} tier`, system?.owner && `owner ${system.owner}`]),
    fact('Address', [system?.origin]),
    fact('Open since', [finding.state === 'resolved' ? undefined : moment(finding.openedAt)]),
    fact('Open from', [finding.state === 'resolved' ? `${moment(finding.openedAt)} to ${end(alert)}` : undefined]),
    fact('Proof', evidence === undefined ? [] : proofOf(evidence)),
    fact('Controls', evidence === undefined ? [] : controlWords(evidence)),
    fact('Deadline', [
      deadline && `${moment(deadline.revokeBy)}`,
      deadline && finding.state !== 'resolved' ? lateness(deadline.overdueMs) : undefined,
    ]),
    fact('Frameworks', frameworkWords(alert)),
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

/** The controls of the trial, e.g. `canary accepted (authenticated)`. */
export function controlWords({ controls }: AlertEvidence): string[] {
  return controls.map(({ control, verdict, reason }) => `${control} ${verdict} (${reason})`)
}

/** Facts of the wire, e.g. `status=200`. */
export function wireWords({ wire }: AlertEvidence): string[] {
  return Object.entries(wire).map(([name, value]) => `${name}=${value}`)
}

/** One word list a framework, e.g. `pci_dss 8.2.5`. */
export function frameworkWords({ frameworks }: Alert): string[] {
  return Object.entries(frameworks).map(([name, controls]) => `${name} ${controls.join(' ')}`)
}

/** How sure an answer is, not how bad; undefined where none was conclusive. */
export function confidenceOf(evidence: AlertEvidence | undefined): 'high' | 'medium' | 'low' | undefined {
  if (evidence === undefined || evidence.verdict === 'inconclusive') return undefined
  const proven = evidence.verdict === 'accepted' ? evidence.confirmed : evidence.assurance === 'controlled'
  if (proven) return 'high'
  return evidence.assurance === 'none' ? 'low' : 'medium'
}

/** "2 d overdue", "1 h left". */
export function lateness(overdueMs: number): string {
  return overdueMs > 0 ? `${span(overdueMs)} overdue` : `${span(overdueMs)} left`
}

/** What stands beside the title of one alert among many: its event, its delay, its fingerprint, and where there is no link its finding. */
export function rowNotes({ event, finding, deadline, credential }: Alert, link: string | undefined): string {
  const notes = [
    event,
    deadline !== undefined && event !== 'resolved' ? lateness(deadline.overdueMs) : '',
    credential?.fingerprint ?? '',
    // As `revenant findings show` takes it.
    link === undefined ? `finding ${finding.id.slice(-8)}` : '',
  ]
  return notes.filter((note) => note !== '').join(', ')
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
