import type { Alert, AlertEvidence, AlertIdentity, AlertSystem } from '../../domain/alert.ts'
import type { FindingState } from '../../domain/finding.ts'
import type { IdentityKind } from '../../domain/identity.ts'
import type { Reason } from '../../domain/reason.ts'
import type { Verdict } from '../../domain/verdict.ts'
import { kindLabel } from '../describe.ts'
import { fitAlert } from '../fit-alert.ts'
import { addressOf, httpStatusOf } from './address.ts'
import { attackOf } from './attack.ts'
import { confidenceOf } from './facts.ts'
import { linkOf } from './link.ts'
import { ms, OCSF_ACTIVITIES, OCSF_SEVERITIES, OCSF_VERSION } from './ocsf-common.ts'
import { type Format, type FormatContext, MAX_BODY_BYTES } from './rendered.ts'

/** OCSF 1.8.0, Detection Finding (2004), on one line. No profile is used; docs/alerts.md holds the mapping. */
export const ocsf: Format = (alert, context) => ({
  contentType: 'application/json',
  body: fitAlert(alert, context.maxBytes ?? MAX_BODY_BYTES, (fitted, uncutBytes) =>
    JSON.stringify(detectionFinding(fitted, context, uncutBytes)),
  ),
})

const CLASS_UID = 2004

const STATUSES: Record<FindingState, readonly [number, string]> = {
  open: [1, 'New'],
  acknowledged: [2, 'In Progress'],
  resolved: [4, 'Resolved'],
}

const USER_TYPES: Record<IdentityKind, readonly [number, string]> = {
  human: [1, 'User'],
  service: [4, 'Service'],
  agent: [99, 'AI Agent'],
}

const VERDICTS: Record<Verdict, readonly [number, string]> = {
  accepted: [8, 'Security Risk'],
  rejected: [5, 'Benign'],
  inconclusive: [7, 'Insufficient Data'],
}

/** Inconclusive about the credential, but proof that the system lets in whoever comes. */
const OPEN_DOORS: ReadonlySet<Reason> = new Set<Reason>(['any_secret_accepted', 'endpoint_unauthenticated'])

function detectionFinding(alert: Alert, context: FormatContext, uncutBytes: number | undefined) {
  const { finding } = alert
  const [activity_id, activity_name] = OCSF_ACTIVITIES[alert.event]
  const [severity_id, severity] = OCSF_SEVERITIES[finding.severity]
  const [status_id, status] = STATUSES[finding.state]
  return {
    activity_id,
    activity_name,
    category_uid: 2,
    category_name: 'Findings',
    class_uid: CLASS_UID,
    class_name: 'Detection Finding',
    type_uid: CLASS_UID * 100 + activity_id,
    type_name: `Detection Finding: ${activity_name}`,
    time: ms(alert.at),
    timezone_offset: 0,
    start_time: ms(finding.openedAt),
    ...(finding.resolvedAt === undefined ? {} : { end_time: ms(finding.resolvedAt) }),
    severity_id,
    severity,
    status_id,
    status,
    ...confidence(alert.evidence),
    is_alert: alert.event !== 'resolved',
    message: alert.title,
    metadata: metadata(alert, context, uncutBytes),
    finding_info: findingInfo(alert, context),
    ...evidences(alert),
    ...resources(alert),
    observables: observables(alert),
    ...remediation(alert),
    unmapped: { revenant: unmapped(alert) },
  }
}

function metadata(alert: Alert, { product, hostname }: FormatContext, uncutBytes: number | undefined) {
  return {
    version: OCSF_VERSION,
    uid: alert.id,
    correlation_uid: alert.finding.id,
    event_code: `revenant.finding.${alert.event}`,
    sequence: alert.sequence,
    labels: [alert.finding.kind, ...(alert.test ? ['test'] : [])],
    log_name: 'revenant.findings',
    product: {
      name: product.name,
      uid: 'revenant',
      vendor_name: product.name,
      version: product.version,
      ...(alert.system === undefined ? {} : { feature: { name: alert.system.probe, uid: `probe.${alert.system.probe}` } }),
    },
    reporter: { name: product.name, uid: product.instance, hostname },
    ...(uncutBytes === undefined ? {} : { is_truncated: true, untruncated_size: uncutBytes }),
  }
}

function findingInfo({ dedupKey, title, summary, at, finding, system, frameworks }: Alert, context: FormatContext) {
  const attack = attackOf(finding.kind)
  const link = linkOf(finding.id, context)
  return {
    uid: dedupKey,
    title,
    desc: summary,
    types: [kindLabel(finding.kind)],
    created_time: ms(finding.openedAt),
    modified_time: ms(at),
    first_seen_time: ms(finding.openedAt),
    last_seen_time: ms(finding.lastSeenAt),
    product_uid: 'revenant',
    ...(link === undefined ? {} : { src_url: link }),
    ...(system === undefined ? {} : { data_sources: [system.probe] }),
    analytic: { name: finding.kind, uid: `revenant.${finding.kind}`, type_id: 1, type: 'Rule', version: '1' },
    ...(attack === undefined ? {} : { attacks: [{ technique: { name: attack.name, uid: attack.id } }] }),
    tags: Object.entries(frameworks).map(([name, values]) => ({ name, values })),
  }
}

const CONFIDENCES = { low: [1, 'Low'], medium: [2, 'Medium'], high: [3, 'High'] } as const

function confidence(evidence: AlertEvidence | undefined) {
  const sure = confidenceOf(evidence)
  if (sure === undefined) return {}
  const [confidence_id, confidence] = CONFIDENCES[sure]
  return { confidence_id, confidence }
}

/** One evidence: whose credential, where to, what came back. Absent for findings about a system alone that no answer caused. */
function evidences(alert: Alert) {
  const { evidence, system } = alert
  const user = userOf(alert)
  if (user === undefined && evidence === undefined) return {}
  const endpoint =
    system === undefined ? {} : { dst_endpoint: { svc_name: system.name, zone: system.zone, ...addressOf(system) } }
  if (evidence === undefined)
    return { evidences: [{ name: alert.credential === undefined ? 'identity' : 'credential', user, ...endpoint }] }
  const [verdict_id, verdict] = VERDICTS[OPEN_DOORS.has(evidence.reason) ? 'accepted' : evidence.verdict]
  const { observationId, wire, latencyMs, ...facts } = evidence
  const status = httpStatusOf(alert)
  const http = status === undefined ? {} : { http_response: { code: status } }
  return {
    evidences: [
      {
        name: 'replay',
        uid: observationId,
        verdict_id,
        verdict,
        ...(user === undefined ? {} : { user }),
        ...endpoint,
        ...http,
        data: { ...facts, wire, latency_ms: latencyMs },
      },
    ],
  }
}

function userOf({ identity, credential, evidence, system }: Alert) {
  if (identity === undefined && credential === undefined) return undefined
  const opened = evidence?.principal ?? credential?.principal
  return {
    ...(identity === undefined ? { name: credential?.principal ?? credential?.label } : { ...person(identity) }),
    ...(opened === undefined ? {} : { account: { name: opened, ...accountType(system) } }),
    ...(credential === undefined
      ? {}
      : {
          credential_uid: credential.id,
          programmatic_credentials: [
            {
              uid: credential.fingerprint,
              type: credential.kind,
              ...(evidence?.verdict === 'accepted' ? { last_used_time: ms(evidence.observedAt) } : {}),
            },
          ],
        }),
  }
}

function person(identity: AlertIdentity) {
  const [type_id, type] = USER_TYPES[identity.kind]
  const { externalId, name, email, terminatedAt } = identity
  const record = {
    ...(identity.kind === 'human' ? { employee_uid: externalId } : {}),
    ...(terminatedAt === undefined ? {} : { leave_time: ms(terminatedAt) }),
  }
  return {
    uid: externalId,
    uid_alt: identity.id,
    name,
    type_id,
    type,
    ...(isEmail(email) ? { email_addr: email } : {}),
    ...(Object.keys(record).length === 0 ? {} : { ldap_person: record }),
  }
}

/** OCSF's type email_t: stricter than what directories hold; what does not fit goes to `unmapped`. */
function isEmail(email: string | undefined): boolean {
  return email !== undefined && /^[a-zA-Z0-9!#$%&'*+\-/=?^_`{|}~.]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+$/.test(email)
}

function accountType(system: AlertSystem | undefined) {
  if (system === undefined) return {}
  const { probe } = system
  if (probe === 'ldap') return { type_id: 1, type: 'LDAP Account' }
  if (probe === 'ssh') return { type_id: 9, type: 'Linux Account' }
  return { type_id: 99, type: `${probe} account` }
}

/** The system, or the identity itself where no system is concerned. */
function resources({ system, identity }: Alert) {
  if (system !== undefined) return { resources: [target(system)] }
  if (identity === undefined) return {}
  const { id, externalId, name, kind, owner } = identity
  return {
    resources: [
      {
        name,
        uid: externalId,
        uid_alt: id,
        type: kind,
        role_id: 3,
        role: 'Affected',
        ...(owner === undefined ? {} : { owner: { uid: owner } }),
      },
    ],
  }
}

function remediation({ remediation: steps, system }: Alert) {
  if (steps.length === 0) return {}
  const references = system?.runbook === undefined ? {} : { references: [system.runbook] }
  return { remediation: { desc: steps.join('\n'), ...references } }
}

function target(system: AlertSystem) {
  const { port: _port, ...host } = addressOf(system)
  return {
    name: system.name,
    uid: system.id,
    type: system.probe,
    role_id: 1,
    role: 'Target',
    criticality: system.tier,
    zone: system.zone,
    ...host,
    ...(system.owner === undefined ? {} : { owner: { name: system.owner } }),
    data: { origin: system.origin },
  }
}

function observables({ identity, credential, evidence, system }: Alert) {
  const row = (name: string, type_id: number, type: string, value: string | undefined) =>
    value === undefined || value === '' ? [] : [{ name, type_id, type, value }]
  const place = system === undefined ? {} : addressOf(system)
  const user = 'evidences[0].user'
  return [
    ...row(`${user}.uid`, 31, 'User Object: Unique ID', identity?.externalId),
    ...row(`${user}.name`, 4, 'User Name', identity?.name),
    ...row(`${user}.email_addr`, 5, 'Email Address', isEmail(identity?.email) ? identity?.email : undefined),
    ...row(`${user}.credential_uid`, 19, 'User Credential ID', credential?.id),
    ...row(`${user}.account.name`, 34, 'Account Object: Name', credential && (evidence?.principal ?? credential.principal)),
    ...row('resources[0].uid', 10, 'Resource UID', system?.id ?? identity?.externalId),
    ...row('resources[0].hostname', 1, 'Hostname', place.hostname),
    ...row('resources[0].ip', 2, 'IP Address', place.ip),
  ]
}

/** What OCSF has no place for. `verdict` is Revenant's word; `evidences[].verdict` is OCSF's. */
function unmapped(alert: Alert) {
  const { finding, identity, credential, deadline, traceId } = alert
  return {
    ...(alert.test ? { test: true } : {}),
    event: alert.event,
    kind: finding.kind,
    episode: finding.episode,
    ...(alert.evidence === undefined ? {} : { verdict: alert.evidence.verdict, reason: alert.evidence.reason }),
    ...(identity?.email === undefined || isEmail(identity.email) ? {} : { email: identity.email }),
    ...(credential === undefined ? {} : { privilege: credential.privilege, credential_label: credential.label }),
    ...(deadline === undefined ? {} : { revoke_by: ms(deadline.revokeBy), overdue_ms: deadline.overdueMs }),
    ...(traceId === undefined ? {} : { trace_id: traceId }),
  }
}
