import type { Alert, AlertEvidence } from '../../domain/alert.ts'
import type { Severity } from '../../domain/finding.ts'
import { kindLabel } from '../describe.ts'
import { envelopeOf } from '../envelope.ts'
import { fitAlert } from '../fit-alert.ts'
import { addressOf, httpStatusOf } from './address.ts'
import { attackOf } from './attack.ts'
import { confidenceOf, controlWords, wireWords } from './facts.ts'
import { healthOf } from './heartbeat-facts.ts'
import { linkOf } from './link.ts'
import { type Format, type FormatContext, type HeartbeatFormat, MAX_BODY_BYTES } from './rendered.ts'

/**
 * One event of Google SecOps' Unified Data Model, on one line, with the field names of its documentation. The type is GENERIC_EVENT: the
 * sign-in types want a principal that signed in, and it was Revenant that asked, not the person.
 */
export const udm: Format = (alert, context) => ({
  contentType: 'application/json',
  body: fitAlert(alert, context.maxBytes ?? MAX_BODY_BYTES, (fitted) => JSON.stringify(eventOf(fitted, context))),
})

export const udmHeartbeat: HeartbeatFormat = (heartbeat, context) => ({
  contentType: 'application/json',
  body: JSON.stringify({
    metadata: metadata(heartbeat.id, heartbeat.at, 'revenant.heartbeat', context),
    principal: principal(context),
    security_result: [
      {
        summary: envelopeOf({ type: 'heartbeat', heartbeat }).title,
        severity: 'INFORMATIONAL',
        alert_state: 'NOT_ALERTING',
        detection_fields: labels({
          health: healthOf(heartbeat),
          next_by: heartbeat.nextBy,
          ...Object.fromEntries(Object.entries(heartbeat.open).map(([severity, count]) => [`open_${severity}`, count])),
          verified: heartbeat.coverage.verified,
          unverified: heartbeat.coverage.unverified,
          overdue: heartbeat.coverage.overdue,
          deliveries_pending: heartbeat.deliveries.pending,
          deliveries_dead: heartbeat.deliveries.dead,
        }),
      },
    ],
  }),
})

const SEVERITIES: Record<Severity, string> = {
  info: 'INFORMATIONAL',
  low: 'LOW',
  medium: 'MEDIUM',
  high: 'HIGH',
  critical: 'CRITICAL',
}

function eventOf(alert: Alert, context: FormatContext) {
  const { finding } = alert
  const link = linkOf(finding.id, context)
  const status = httpStatusOf(alert)
  return {
    metadata: {
      ...metadata(alert.id, alert.at, `revenant.finding.${alert.event}`, context),
      description: alert.summary,
      ...(link === undefined ? {} : { url_back_to_product: link }),
    },
    principal: principal(context),
    ...targetOf(alert),
    ...(status === undefined ? {} : { network: { http: { response_code: status } } }),
    security_result: [resultOf(alert)],
  }
}

function metadata(id: string, at: string, type: string, { product }: FormatContext) {
  return {
    event_timestamp: at,
    event_type: 'GENERIC_EVENT',
    vendor_name: product.name,
    product_name: product.name,
    product_version: product.version,
    product_event_type: type,
    product_log_id: id,
  }
}

function principal({ product, hostname }: FormatContext) {
  return { hostname, application: product.name, resource: { name: product.instance } }
}

/** Whose account of which system. */
function targetOf({ system, identity, credential, evidence }: Alert) {
  const account = evidence?.principal ?? credential?.principal
  const user = {
    ...(account === undefined ? {} : { userid: account }),
    ...(identity === undefined ? {} : personOf(identity)),
  }
  const { hostname, ip, port } = system === undefined ? {} : addressOf(system)
  const target = {
    ...(hostname === undefined ? {} : { hostname }),
    ...(ip === undefined ? {} : { ip: [ip] }),
    ...(port === undefined ? {} : { port }),
    ...(system === undefined
      ? {}
      : {
          application: system.name,
          resource: { name: system.name, product_object_id: system.id, resource_subtype: system.probe },
        }),
    ...(Object.keys(user).length === 0 ? {} : { user }),
  }
  return Object.keys(target).length === 0 ? {} : { target }
}

function personOf(identity: NonNullable<Alert['identity']>) {
  const { externalId, kind, name, email, terminatedAt } = identity
  return {
    product_object_id: externalId,
    user_display_name: name,
    ...(kind === 'human' ? { employee_id: externalId } : { account_type: 'SERVICE_ACCOUNT_TYPE' }),
    ...(email === undefined ? {} : { email_addresses: [email] }),
    ...(terminatedAt === undefined ? {} : { termination_date: terminatedAt }),
  }
}

function resultOf(alert: Alert) {
  const { finding, evidence } = alert
  const attack = attackOf(finding.kind)
  return {
    summary: alert.title,
    description: alert.remediation.length === 0 ? alert.summary : alert.remediation.join('\n'),
    severity: SEVERITIES[finding.severity],
    category: ['POLICY_VIOLATION'],
    category_details: [kindLabel(finding.kind)],
    rule_id: `revenant.${finding.kind}`,
    rule_name: kindLabel(finding.kind),
    threat_id: alert.dedupKey,
    alert_state: alert.event === 'resolved' ? 'NOT_ALERTING' : 'ALERTING',
    ...(evidence === undefined ? {} : answerOf(evidence)),
    ...(attack === undefined ? {} : { attack_details: { techniques: [attack] } }),
    detection_fields: labels(fieldsOf(alert)),
  }
}

function answerOf(evidence: AlertEvidence) {
  const confidence = confidenceOf(evidence)
  if (confidence === undefined) return {}
  return {
    action: [evidence.verdict === 'accepted' ? 'ALLOW' : 'BLOCK'],
    confidence: `${confidence.toUpperCase()}_CONFIDENCE`,
  }
}

/** What UDM has no field for, as labels. */
function fieldsOf(alert: Alert): Record<string, string | number | undefined> {
  const { finding, system, identity, credential, evidence, deadline } = alert
  return {
    event: alert.event,
    sequence: alert.sequence,
    finding_id: finding.id,
    kind: finding.kind,
    state: finding.state,
    episode: finding.episode,
    opened_at: finding.openedAt,
    resolved_at: finding.resolvedAt,
    verdict: evidence?.verdict,
    reason: evidence?.reason,
    strength: evidence?.strength,
    assurance: evidence?.assurance,
    confirmed: evidence && String(evidence.confirmed),
    controls: evidence && controlWords(evidence).join(', '),
    wire: evidence && wireWords(evidence).join(' '),
    system_tier: system?.tier,
    system_zone: system?.zone,
    system_owner: system?.owner,
    runbook: system?.runbook,
    identity_kind: identity?.kind,
    identity_owner: identity?.owner,
    credential_label: credential?.label,
    credential_kind: credential?.kind,
    fingerprint: credential?.fingerprint,
    privilege: credential?.privilege,
    revoke_by: deadline?.revokeBy,
    overdue_seconds: deadline && Math.round(deadline.overdueMs / 1_000),
    trace_id: alert.traceId,
    ...Object.fromEntries(Object.entries(alert.frameworks).map(([name, controls]) => [`framework_${name}`, controls.join(' ')])),
    test: alert.test ? 'true' : undefined,
  }
}

function labels(fields: Record<string, string | number | undefined>): { key: string; value: string }[] {
  return Object.entries(fields).flatMap(([key, value]) =>
    value === undefined || value === '' ? [] : [{ key, value: String(value) }],
  )
}
