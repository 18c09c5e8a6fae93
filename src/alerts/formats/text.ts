import type { Alert, AlertEvidence } from '../../domain/alert.ts'
import { fitAlert } from '../fit-alert.ts'
import { plain } from '../plain.ts'
import { type Format, MAX_BODY_BYTES } from './rendered.ts'

/** For people at a terminal or in a mail: a few lines an alert, printable characters only, no colours. */
export const text: Format = (alert, context) => ({
  contentType: 'text/plain; charset=utf-8',
  body: fitAlert(alert, context.maxBytes ?? MAX_BODY_BYTES, (fitted) => lines(fitted).join('\n')),
})

function lines(alert: Alert): string[] {
  const { finding, system, identity, credential, evidence } = alert
  return [
    `${finding.severity.toUpperCase()} ${plain(alert.title, 2_000)}`,
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
    row('finding', [`${finding.id} ${alert.event} #${alert.sequence}`, alert.at, alert.traceId && `trace ${alert.traceId}`]),
  ]
}

function answer(evidence: AlertEvidence): (string | undefined)[] {
  const wire = Object.entries(evidence.wire).map(([name, value]) => `${name}=${value}`)
  return [
    `${evidence.verdict} (${evidence.reason})`,
    evidence.principal && `as ${evidence.principal}`,
    `${evidence.strength}, ${evidence.assurance}${evidence.confirmed ? ', confirmed' : ''}`,
    evidence.transport === 'verified' ? undefined : `transport ${evidence.transport}`,
    wire.join(' '),
    ...evidence.controls.map(({ control, verdict, reason }) => `${control}: ${verdict} (${reason})`),
  ]
}

function row(label: string, parts: readonly (string | undefined)[]): string {
  const shown = parts.map((part) => plain(part ?? '', 2_000)).filter((part) => part !== '')
  return `  ${label.padEnd(10)} ${shown.join(', ')}`
}
