import type { Alert } from '../../domain/alert.ts'
import { fitAlert } from '../fit-alert.ts'
import { cut } from '../plain.ts'
import { severityOf } from '../subject.ts'
import { fitGroup } from './fit-group.ts'
import { linkOf } from './link.ts'
import { type Format, type FormatContext, type GroupFormat, type HeartbeatFormat, MAX_BODY_BYTES } from './rendered.ts'

/** Raised when a field changes its meaning or goes; new fields do not raise it. */
export const JSON_VERSION = 1

/**
 * The native format, on one line: the payload of Standard Webhooks (`type`, `timestamp`, `data`) with the version and the sender.
 * Described by `docs/alert.schema.json` (see `document.ts`).
 */
export const json: Format = (alert, context) => ({
  contentType: 'application/json',
  body: fitAlert(alert, context.maxBytes ?? MAX_BODY_BYTES, (fitted, uncutBytes) => {
    return JSON.stringify(jsonDocument(fitted, context, uncutBytes !== undefined))
  }),
})

/** One row an alert, described by `docs/alert-group.schema.json`; what does not fit is counted in `omitted`. */
export const jsonGroup: GroupFormat = (group, context) =>
  fitGroup(group, context.maxBytes ?? MAX_BODY_BYTES, Number.MAX_SAFE_INTEGER, (shown, omitted) => ({
    contentType: 'application/json',
    body: JSON.stringify({
      ...envelope('revenant.group', group.at, context),
      data: {
        id: group.id,
        key: group.key,
        about: cut(group.about, 250),
        at: group.at,
        severity: severityOf(group),
        count: group.alerts.length,
        ...(omitted === 0 ? {} : { omitted }),
        alerts: shown.map((alert) => row(alert, context)),
      },
    }),
  }))

/** Described by `docs/heartbeat.schema.json`. */
export const jsonHeartbeat: HeartbeatFormat = (heartbeat, context) => ({
  contentType: 'application/json',
  body: JSON.stringify({ ...envelope('revenant.heartbeat', heartbeat.at, context), data: heartbeat }),
})

function jsonDocument(alert: Alert, context: FormatContext, truncated: boolean) {
  const link = linkOf(alert.finding.id, context)
  return {
    ...envelope(`revenant.finding.${alert.event}`, alert.at, context),
    ...(link === undefined ? {} : { link }),
    ...(truncated ? { truncated } : {}),
    data: alert,
  }
}

function envelope(type: string, timestamp: string, { product, hostname }: FormatContext) {
  const source = { product: product.name, version: product.version, instance: product.instance, host: hostname }
  return { type, timestamp, version: JSON_VERSION, source }
}

/** Enough of an alert to triage, order and look it up by. */
function row(alert: Alert, context: FormatContext) {
  const { id, dedupKey, event, sequence, at, title, finding, system, identity, credential, deadline, traceId, test } = alert
  const link = linkOf(finding.id, context)
  return {
    id,
    dedupKey,
    event,
    sequence,
    at,
    title,
    finding: { id: finding.id, kind: finding.kind, severity: finding.severity, state: finding.state },
    ...(system === undefined ? {} : { system: { name: system.name, ...(system.owner ? { owner: system.owner } : {}) } }),
    ...(identity === undefined ? {} : { identity: { externalId: identity.externalId, name: identity.name } }),
    ...(credential === undefined ? {} : { credential: { label: credential.label, fingerprint: credential.fingerprint } }),
    ...(deadline === undefined ? {} : { deadline }),
    ...(traceId === undefined ? {} : { traceId }),
    ...(link === undefined ? {} : { link }),
    ...(test ? { test } : {}),
  }
}
