import type { Alert } from '../../domain/alert.ts'
import { kindLabel } from '../describe.ts'
import { envelopeOf } from '../envelope.ts'
import { fitAlert } from '../fit-alert.ts'
import { plain } from '../plain.ts'
import { addressOf } from './address.ts'
import { controlWords, frameworkWords, proofOf } from './facts.ts'
import { HEALTH_SEVERITIES, headerSeverity } from './header-severity.ts'
import { healthOf } from './heartbeat-facts.ts'
import { linkOf } from './link.ts'
import { type Format, type FormatContext, type HeartbeatFormat, MAX_BODY_BYTES } from './rendered.ts'

/**
 * Log Event Extended Format 2.0 of QRadar, one line, attributes between carets: a tab, the usual delimiter, does not survive every relay.
 * LEEF has no escape for values: control characters and carets become spaces, and so do pipes in the header.
 */
export const leef: Format = (alert, context) => ({
  contentType: 'text/plain; charset=utf-8',
  body: fitAlert(alert, context.maxBytes ?? MAX_BODY_BYTES, (fitted) =>
    record(context, fitted.finding.kind, attributes(fitted, context)),
  ),
})

export const leefHeartbeat: HeartbeatFormat = (heartbeat, context) => ({
  contentType: 'text/plain; charset=utf-8',
  body: record(context, 'heartbeat', {
    cat: 'heartbeat',
    sev: HEALTH_SEVERITIES[healthOf(heartbeat)],
    ...time(heartbeat.at),
    eventId: heartbeat.id,
    msg: envelopeOf({ type: 'heartbeat', heartbeat }).title,
    nextBy: heartbeat.nextBy,
    ...Object.fromEntries(Object.entries(heartbeat.open).map(([severity, count]) => [`open_${severity}`, count])),
    verified: heartbeat.coverage.verified,
    unverified: heartbeat.coverage.unverified,
    overdue: heartbeat.coverage.overdue,
    deliveriesPending: heartbeat.deliveries.pending,
    deliveriesDead: heartbeat.deliveries.dead,
    sender: context.hostname,
    instance: context.product.instance,
  }),
})

type Attributes = Record<string, string | number | undefined>

/** `cat`, `sev`, `devTime`, `usrName`, `accountName`, `dst`, `dstPort`, `resource`, `url` are LEEF's own; the rest are ours. */
function attributes(alert: Alert, context: FormatContext): Attributes {
  const { finding, evidence, deadline } = alert
  return {
    cat: kindLabel(finding.kind),
    sev: headerSeverity(finding.severity, alert.event),
    ...time(alert.at),
    ...people(alert),
    ...place(alert),
    url: linkOf(finding.id, context),
    msg: alert.title,
    summary: alert.summary,
    event: alert.event,
    eventId: alert.id,
    dedupKey: alert.dedupKey,
    sequence: alert.sequence,
    findingId: finding.id,
    severity: finding.severity,
    state: finding.state,
    episode: finding.episode,
    openedAt: finding.openedAt,
    resolvedAt: finding.resolvedAt,
    verdict: evidence?.verdict,
    reason: evidence?.reason,
    proof: evidence && proofOf(evidence).join(', '),
    controls: evidence && controlWords(evidence).join(', '),
    revokeBy: deadline?.revokeBy,
    overdueSeconds: deadline && Math.round(deadline.overdueMs / 1_000),
    remediation: alert.remediation.map((step, index) => `${index + 1}. ${step}`).join(' '),
    traceId: alert.traceId,
    frameworks: frameworkWords(alert).join(', '),
    test: alert.test ? 'yes' : undefined,
    sender: context.hostname,
    instance: context.product.instance,
  }
}

function people({ identity, credential, evidence }: Alert): Attributes {
  const account = evidence?.principal ?? credential?.principal
  return {
    usrName: account ?? identity?.externalId,
    accountName: account,
    identityId: identity?.externalId,
    identityName: identity?.name,
    identityEmail: identity?.email,
    identityKind: identity?.kind,
    identityOwner: identity?.owner,
    terminatedAt: identity?.terminatedAt,
    credential: credential?.label,
    credentialKind: credential?.kind,
    fingerprint: credential?.fingerprint,
    privilege: credential?.privilege,
  }
}

function place({ system }: Alert): Attributes {
  if (system === undefined) return {}
  const { hostname, ip, port } = addressOf(system)
  return {
    resource: system.name,
    dst: ip,
    dstHost: hostname,
    dstPort: port,
    origin: system.origin,
    probe: system.probe,
    tier: system.tier,
    zone: system.zone,
    systemOwner: system.owner,
  }
}

/** `devTime` in a pattern of java.text.SimpleDateFormat, which QRadar reads it by. */
function time(at: string): Attributes {
  const instant = Temporal.Instant.from(at).toString({ fractionalSecondDigits: 3 })
  return { devTime: instant.replace('Z', '+0000'), devTimeFormat: "yyyy-MM-dd'T'HH:mm:ss.SSSZ" }
}

function record({ product }: FormatContext, eventId: string, values: Attributes): string {
  const header = ['LEEF:2.0', product.name, product.name, product.version, eventId, DELIMITER]
  const shown = Object.entries(values).flatMap(([key, value]) => {
    const text = plain(String(value ?? '').replaceAll(DELIMITER, ' '), MAX_VALUE)
    return text === '' ? [] : [`${key}=${text}`]
  })
  return `${header.map((part) => plain(part.replaceAll('|', ' '), 512)).join('|')}|${shown.join(DELIMITER)}`
}

const DELIMITER = '^'
const MAX_VALUE = 4_000
