import type { Alert, AlertEvidence } from '../../domain/alert.ts'
import { envelopeOf } from '../envelope.ts'
import { fitAlert } from '../fit-alert.ts'
import { plain } from '../plain.ts'
import type { AlertGroup } from '../subject.ts'
import { controlWords, frameworkWords, lateness, wireWords } from './facts.ts'
import { fitGroup, mostSevereFirst } from './fit-group.ts'
import { heartbeatFacts } from './heartbeat-facts.ts'
import { linkOf } from './link.ts'
import { type Format, type FormatContext, type GroupFormat, type HeartbeatFormat, MAX_BODY_BYTES } from './rendered.ts'
import { headlineOf, toneOf, toneOfMessage } from './tone.ts'

/** For people at a terminal or in a mail: a few lines an alert, printable characters only, no colours. */
export const text: Format = (alert, context) => ({
  contentType: 'text/plain; charset=utf-8',
  body: fitAlert(alert, context.maxBytes ?? MAX_BODY_BYTES, (fitted) => alertLines(fitted, context).join('\n')),
})

/** One line an alert, the most severe first. */
export const textGroup: GroupFormat = (group, context) =>
  fitGroup(group, context.maxBytes ?? MAX_BODY_BYTES, Number.MAX_SAFE_INTEGER, (shown, omitted) => ({
    contentType: 'text/plain; charset=utf-8',
    body: groupLines(group, shown, omitted, context).join('\n'),
  }))

export const textHeartbeat: HeartbeatFormat = (heartbeat) => ({
  contentType: 'text/plain; charset=utf-8',
  body: [
    envelopeOf({ type: 'heartbeat', heartbeat }).title,
    ...heartbeatFacts(heartbeat).map(({ label, value }) => `  ${label}: ${value}`),
  ].join('\n'),
})

/** The lines of a group, its title first. */
export function groupLines(group: AlertGroup, shown: readonly Alert[], omitted: number, context: FormatContext): string[] {
  const envelope = envelopeOf({ type: 'group', group })
  return [
    headlineOf(toneOfMessage(envelope), plain(envelope.title, 250)),
    ...mostSevereFirst(shown).map((alert) => {
      const { finding, deadline, event } = alert
      const notes = [
        event,
        deadline !== undefined && event !== 'resolved' ? lateness(deadline.overdueMs) : undefined,
        alert.credential?.fingerprint,
        linkOf(finding.id, context) ?? finding.id,
      ]
      const tone = toneOf(alert)
      return `  ${tone.toUpperCase().padEnd(8)} ${plain(alert.title, 250)} (${plain(notes.filter(Boolean).join(', '), 500)})`
    }),
    ...(omitted === 0 ? [] : [`  and ${omitted} more: revenant alerts list`]),
  ]
}

/** The lines of an alert, its title first. */
export function alertLines(alert: Alert, context: FormatContext): string[] {
  const { finding, system, identity, credential, evidence } = alert
  return [
    headlineOf(toneOf(alert), plain(alert.title, 2_000)),
    `  ${plain(alert.summary, 4_000)}`,
    ...(system === undefined
      ? []
      : [
          row('system', [
            system.name,
            system.probe,
            system.origin,
            `${system.tier} tier`,
            system.owner && `owner ${system.owner}`,
          ]),
        ]),
    ...(identity === undefined
      ? []
      : [
          row('identity', [
            identity.name,
            identity.externalId,
            identity.email,
            identity.kind,
            identity.owner && `owner ${identity.owner}`,
            identity.terminatedAt && `left ${identity.terminatedAt}`,
          ]),
        ]),
    ...(credential === undefined
      ? []
      : [
          row('credential', [
            credential.label,
            credential.kind,
            credential.principal,
            credential.privilege,
            credential.fingerprint,
          ]),
        ]),
    ...(evidence === undefined ? [] : [row('answer', answer(evidence))]),
    ...alert.remediation.map((step, index) => row(index === 0 ? 'do' : '', [`${index + 1}. ${step}`])),
    ...(alert.deadline === undefined
      ? []
      : [
          row('deadline', [alert.deadline.revokeBy, ...(alert.event === 'resolved' ? [] : [lateness(alert.deadline.overdueMs)])]),
        ]),
    row('frameworks', frameworkWords(alert)),
    row('link', [linkOf(finding.id, context)]),
    row('finding', [`${finding.id} ${alert.event} #${alert.sequence}`, alert.at, alert.traceId && `trace ${alert.traceId}`]),
  ].filter((line) => line !== '')
}

function answer(evidence: AlertEvidence): (string | undefined)[] {
  return [
    `${evidence.verdict} (${evidence.reason})`,
    evidence.principal && `as ${evidence.principal}`,
    `${evidence.strength}, ${evidence.assurance}${evidence.confirmed ? ', confirmed' : ''}`,
    evidence.transport === 'verified' ? undefined : `transport ${evidence.transport}`,
    wireWords(evidence).join(' '),
    ...controlWords(evidence),
  ]
}

function row(label: string, parts: readonly (string | undefined)[]): string {
  const shown = parts.map((part) => plain(part ?? '', 2_000)).filter((part) => part !== '')
  return shown.length === 0 ? '' : `  ${label.padEnd(10)} ${shown.join(', ')}`
}
