import type { Alert } from '../../domain/alert.ts'
import type { FindingState, Severity } from '../../domain/finding.ts'
import { envelopeOf } from '../envelope.ts'
import { cut } from '../plain.ts'
import { type AlertGroup, type Heartbeat, severityOf } from '../subject.ts'
import { fitGroup } from './fit-group.ts'
import { healthOf, heartbeatFacts } from './heartbeat-facts.ts'
import { linkOf } from './link.ts'
import { ms, OCSF_ACTIVITIES, OCSF_SEVERITIES, OCSF_VERSION } from './ocsf-common.ts'
import { type FormatContext, type GroupFormat, type HeartbeatFormat, MAX_BODY_BYTES } from './rendered.ts'

const CLASS_UID = 2003
const MAX_TITLE = 250

/** OCSF 1.8.0, Compliance Finding (2003): many findings rolled up, one check each. */
export const ocsfGroup: GroupFormat = (group, context) =>
  fitGroup(group, context.maxBytes ?? MAX_BODY_BYTES, Number.MAX_SAFE_INTEGER, (shown, omitted) => ({
    contentType: 'application/json',
    body: JSON.stringify(rollUp(group, shown, omitted, context)),
  }))

/**
 * The sign of life as a Compliance Finding about Revenant's own coverage. OCSF's Application Lifecycle (6002) would fit too, but has no
 * place for the figures, and says "started" or "stopped", which is not what a sign of life says.
 */
export const ocsfHeartbeat: HeartbeatFormat = (heartbeat, context) => ({
  contentType: 'application/json',
  body: JSON.stringify(coverage(heartbeat, context)),
})

const CREATE = [1, 'Create'] as const
const UPDATE = [2, 'Update'] as const
const CLOSE = [3, 'Close'] as const
const PASS = [1, 'Pass'] as const
const WARNING = [2, 'Warning'] as const
const FAIL = [3, 'Fail'] as const

const CHECKS: Record<FindingState, readonly [number, string]> = { open: FAIL, acknowledged: FAIL, resolved: PASS }

function rollUp(group: AlertGroup, shown: readonly Alert[], omitted: number, context: FormatContext) {
  const envelope = envelopeOf({ type: 'group', group })
  const title = cut(envelope.title, MAX_TITLE)
  const controls = mergedFrameworks(shown)
  const [status_id, status] = envelope.closes ? PASS : FAIL
  return {
    ...base(envelope.closes ? CLOSE : CREATE, severityOf(group), group.at),
    message: title,
    count: group.alerts.length,
    metadata: { ...metadata(group.id, 'revenant.group', context), correlation_uid: group.key },
    finding_info: {
      // Not the key: other alerts of it may be open that travelled in other messages, and a Close would close them.
      uid: group.id,
      title,
      desc: cut(group.about, MAX_TITLE),
      modified_time: ms(group.at),
      product_uid: 'revenant',
      related_events: shown.map(related),
      related_events_count: group.alerts.length,
    },
    compliance: {
      control: 'Access ends when somebody leaves',
      desc: 'Every credential of an identity that has ended is refused by every system within the deadline.',
      standards: Object.keys(controls),
      requirements: Object.entries(controls).flatMap(([name, values]) => values.map((value) => `${name} ${value}`)),
      status_id,
      status,
      checks: shown.map((alert) => check(alert)),
    },
    unmapped: {
      revenant: {
        ...(omitted === 0 ? {} : { omitted }),
        links: shown.flatMap(({ finding }) => linkOf(finding.id, context) ?? []),
      },
    },
  }
}

/** The Detection Finding of the same alert, where it was sent too. */
function related({ id, title, event }: Alert) {
  const [activity, name] = OCSF_ACTIVITIES[event]
  return { uid: id, title, type_uid: 200_400 + activity, type_name: `Detection Finding: ${name}` }
}

function check({ dedupKey, title, finding, system }: Alert) {
  const [status_id, status] = CHECKS[finding.state]
  const [severity_id, severity] = OCSF_SEVERITIES[finding.severity]
  return {
    uid: dedupKey,
    name: title,
    desc: finding.kind,
    severity_id,
    severity,
    status_id,
    status,
    ...(system === undefined ? {} : { resource: { uid: system.id, name: system.name } }),
  }
}

function coverage(heartbeat: Heartbeat, context: FormatContext) {
  const { title } = envelopeOf({ type: 'heartbeat', heartbeat })
  const health = healthOf(heartbeat)
  const [status_id, status] = health === 'well' ? PASS : health === 'degraded' ? WARNING : FAIL
  return {
    ...base(UPDATE, 'info', heartbeat.at),
    message: title,
    metadata: metadata(heartbeat.id, 'revenant.heartbeat', context),
    finding_info: {
      uid: `revenant:heartbeat:${context.product.instance}`,
      title,
      modified_time: ms(heartbeat.at),
      product_uid: 'revenant',
    },
    compliance: {
      control: 'Leavers are checked in time',
      desc: heartbeatFacts(heartbeat)
        .map(({ label, value }) => `${label}: ${value}`)
        .join('\n'),
      standards: ['nist_800_53'],
      requirements: ['nist_800_53 CA-7'],
      status_id,
      status,
    },
    unmapped: {
      revenant: {
        next_by: ms(heartbeat.nextBy),
        open: heartbeat.open,
        coverage: heartbeat.coverage,
        deliveries: heartbeat.deliveries,
      },
    },
  }
}

function base([activity_id, activity_name]: readonly [number, string], of: Severity, at: string) {
  const [severity_id, severity] = OCSF_SEVERITIES[of]
  return {
    activity_id,
    activity_name,
    category_uid: 2,
    category_name: 'Findings',
    class_uid: CLASS_UID,
    class_name: 'Compliance Finding',
    type_uid: CLASS_UID * 100 + activity_id,
    type_name: `Compliance Finding: ${activity_name}`,
    time: ms(at),
    timezone_offset: 0,
    severity_id,
    severity,
  }
}

function metadata(uid: string, event_code: string, { product, hostname }: FormatContext) {
  return {
    version: OCSF_VERSION,
    uid,
    event_code,
    log_name: 'revenant.findings',
    product: { name: product.name, uid: 'revenant', vendor_name: product.name, version: product.version },
    reporter: { name: product.name, uid: product.instance, hostname },
  }
}

function mergedFrameworks(alerts: readonly Alert[]): Record<string, string[]> {
  const merged = new Map<string, Set<string>>()
  for (const { frameworks } of alerts)
    for (const [name, controls] of Object.entries(frameworks))
      merged.set(name, new Set([...(merged.get(name) ?? []), ...controls]))
  return Object.fromEntries([...merged].map(([name, controls]) => [name, [...controls].sort()]))
}
