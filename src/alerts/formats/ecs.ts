import type { Alert } from '../../domain/alert.ts'
import type { Severity } from '../../domain/finding.ts'
import type { Verdict } from '../../domain/verdict.ts'
import { kindLabel } from '../describe.ts'
import { envelopeOf } from '../envelope.ts'
import { fitAlert } from '../fit-alert.ts'
import { cut } from '../plain.ts'
import { addressOf, httpStatusOf } from './address.ts'
import { attackOf } from './attack.ts'
import { controlWords, wireWords } from './facts.ts'
import { linkOf } from './link.ts'
import { type Format, type FormatContext, type HeartbeatFormat, MAX_BODY_BYTES } from './rendered.ts'

/**
 * Elastic Common Schema 9.4.0, on one line. What ECS has no field for lies under `revenant`, as ECS asks of custom fields.
 * `event.kind` is `alert` while it is open: `signal` is reserved for Elastic's own.
 */
export const ecs: Format = (alert, context) => ({
  contentType: 'application/json',
  body: fitAlert(alert, context.maxBytes ?? MAX_BODY_BYTES, (fitted, uncutBytes) =>
    JSON.stringify(document(fitted, context, uncutBytes !== undefined)),
  ),
})

export const ecsHeartbeat: HeartbeatFormat = (heartbeat, context) => ({
  contentType: 'application/json',
  body: JSON.stringify({
    ...header(heartbeat.at, envelopeOf({ type: 'heartbeat', heartbeat }).title, context),
    event: {
      kind: 'metric',
      category: ['host'],
      type: ['info'],
      action: 'heartbeat',
      id: heartbeat.id,
      dataset: 'revenant.heartbeat',
      module: 'revenant',
      provider: 'revenant',
    },
    tags: ['revenant', 'heartbeat'],
    revenant: {
      next_by: heartbeat.nextBy,
      open: heartbeat.open,
      coverage: heartbeat.coverage,
      deliveries: heartbeat.deliveries,
    },
  }),
})

/** ECS maps keywords with `ignore_above` 1024: longer ones are stored and not found. */
const MAX_KEYWORD = 1_000

/** The scale of Elastic Security's detection rules. */
const SEVERITIES: Record<Severity, number> = { info: 1, low: 21, medium: 47, high: 73, critical: 99 }

/** Of the sign-in that was tried. */
const OUTCOMES: Record<Verdict, string> = { accepted: 'success', rejected: 'failure', inconclusive: 'unknown' }

function document(alert: Alert, context: FormatContext, truncated: boolean) {
  const { finding, frameworks } = alert
  return {
    ...header(alert.at, alert.title, context, serviceOf(alert)),
    event: eventOf(alert, context),
    rule: {
      id: `revenant.${finding.kind}`,
      name: kindLabel(finding.kind),
      category: finding.kind,
      ruleset: 'revenant',
      version: '1',
      description: cut(alert.summary, MAX_KEYWORD),
      ...(alert.system?.runbook === undefined ? {} : { reference: alert.system.runbook }),
    },
    ...userOf(alert),
    ...placeOf(alert),
    ...threatOf(alert),
    ...(alert.traceId === undefined ? {} : { trace: { id: alert.traceId } }),
    related: related(alert),
    tags: ['revenant', finding.kind, ...(alert.test ? ['test'] : [])],
    revenant: custom(alert, frameworks, truncated),
  }
}

function header(at: string, message: string, { product, hostname }: FormatContext, target?: object) {
  return {
    '@timestamp': at,
    ecs: { version: '9.4.0' },
    message,
    observer: {
      vendor: product.name,
      product: product.name,
      type: 'credential-replay',
      version: product.version,
      name: product.instance,
      hostname,
    },
    service: {
      name: 'revenant',
      type: 'revenant',
      version: product.version,
      node: { name: product.instance },
      ...(target === undefined ? {} : { target }),
    },
  }
}

function eventOf(alert: Alert, context: FormatContext) {
  const { finding, evidence } = alert
  const link = linkOf(finding.id, context)
  return {
    // The end of a finding is news, and nothing to raise an alert for.
    kind: alert.event === 'resolved' ? 'event' : 'alert',
    category: ['iam'],
    type: ['user', 'info'],
    action: `finding-${alert.event}`,
    code: finding.kind,
    ...(evidence === undefined ? {} : { outcome: OUTCOMES[evidence.verdict] }),
    reason: cut(alert.summary, MAX_KEYWORD),
    id: alert.id,
    dataset: 'revenant.finding',
    module: 'revenant',
    provider: 'revenant',
    severity: SEVERITIES[finding.severity],
    sequence: alert.sequence,
    start: finding.openedAt,
    ...(finding.resolvedAt === undefined ? {} : { end: finding.resolvedAt }),
    ...(link === undefined ? {} : { url: link }),
  }
}

/** The person; `name` is the account that the credential should open, or did. */
function userOf({ identity, credential, evidence }: Alert) {
  const account = evidence?.principal ?? credential?.principal
  const user = {
    ...(identity === undefined ? {} : { id: identity.externalId, full_name: identity.name }),
    ...(identity?.email === undefined ? {} : { email: identity.email }),
    ...(account === undefined ? {} : { name: account }),
  }
  return Object.keys(user).length === 0 ? {} : { user }
}

/** The system that was asked; it joins `service` of the header, which is Revenant itself. */
function serviceOf({ system }: Alert) {
  return system === undefined ? undefined : { id: system.id, name: system.name, type: system.probe, address: system.origin }
}

/** Where it was asked, and what came back over HTTP. */
function placeOf({ system, evidence }: Alert) {
  if (system === undefined) return {}
  const { hostname, ip, port } = addressOf(system)
  const address = hostname ?? ip
  const status = httpStatusOf({ system, evidence })
  return {
    ...(address === undefined
      ? {}
      : {
          destination: {
            address,
            ...(hostname === undefined ? {} : { domain: hostname }),
            ...(ip === undefined ? {} : { ip }),
            ...(port === undefined ? {} : { port }),
          },
        }),
    ...(status === undefined ? {} : { http: { response: { status_code: status } } }),
  }
}

function threatOf({ finding }: Alert) {
  const attack = attackOf(finding.kind)
  if (attack === undefined) return {}
  return { threat: { framework: 'MITRE ATT&CK', technique: { id: [attack.id], name: [attack.name] } } }
}

function related({ identity, credential, evidence, system }: Alert) {
  const users = [identity?.externalId, identity?.name, identity?.email, evidence?.principal, credential?.principal]
  const { hostname, ip } = system === undefined ? {} : addressOf(system)
  const values = (all: readonly (string | undefined)[]) => [
    ...new Set(all.filter((value) => value !== undefined && value !== '')),
  ]
  return {
    ...(values(users).length === 0 ? {} : { user: values(users) }),
    ...(hostname === undefined ? {} : { hosts: [hostname] }),
    ...(ip === undefined ? {} : { ip: [ip] }),
  }
}

function custom(alert: Alert, frameworks: Alert['frameworks'], truncated: boolean) {
  const { finding, system, identity, credential, evidence, deadline } = alert
  return {
    dedup_key: alert.dedupKey,
    finding: { id: finding.id, state: finding.state, severity: finding.severity, episode: finding.episode },
    ...(system === undefined
      ? {}
      : {
          system: {
            id: system.id,
            origin: system.origin,
            tier: system.tier,
            zone: system.zone,
            ...(system.owner === undefined ? {} : { owner: system.owner }),
          },
        }),
    ...(identity === undefined
      ? {}
      : {
          identity: {
            id: identity.id,
            kind: identity.kind,
            ...(identity.owner === undefined ? {} : { owner: identity.owner }),
            ...(identity.terminatedAt === undefined ? {} : { terminated_at: identity.terminatedAt }),
          },
        }),
    ...(credential === undefined ? {} : { credential }),
    ...(evidence === undefined ? {} : { evidence: proof(evidence) }),
    ...(deadline === undefined ? {} : { deadline: { revoke_by: deadline.revokeBy, overdue_ms: deadline.overdueMs } }),
    remediation: alert.remediation,
    // A list, not an object: names of frameworks are free, and each would become a field of the index.
    frameworks: Object.entries(frameworks).flatMap(([name, controls]) => controls.map((control) => `${name}:${control}`)),
    ...(truncated ? { truncated } : {}),
    ...(alert.test ? { test: true } : {}),
  }
}

function proof(evidence: NonNullable<Alert['evidence']>) {
  const { observationId, observedAt, wire: _wire, controls: _controls, latencyMs, trialId, ...facts } = evidence
  return {
    observation_id: observationId,
    observed_at: observedAt,
    trial_id: trialId,
    latency_ms: latencyMs,
    ...facts,
    wire: wireWords(evidence),
    controls: controlWords(evidence),
  }
}
