import type { Alert } from '../../domain/alert.ts'
import type { Severity } from '../../domain/finding.ts'
import { kindLabel } from '../describe.ts'
import { fitAlert } from '../fit-alert.ts'
import { cut, plain } from '../plain.ts'
import { factsOf } from './facts.ts'
import { linkOf } from './link.ts'
import { type Format, type FormatContext, MAX_BODY_BYTES } from './rendered.ts'
import { webUrl } from './web-url.ts'

/**
 * An event of PagerDuty's Events API v2. `routing_key` is missing: the sink knows it. `resolved` resolves the incident of the same
 * `dedup_key`; everything else triggers it, or adds to it while it is open.
 */
export const pagerduty: Format = (alert, context) => ({
  contentType: 'application/json',
  body: fitAlert(alert, context.maxBytes ?? MAX_BODY_BYTES, (fitted) => JSON.stringify(eventOf(fitted, context))),
})

const SEVERITIES: Record<Severity, string> = { info: 'info', low: 'info', medium: 'warning', high: 'error', critical: 'critical' }

const MAX_SUMMARY = 1_024
const MAX_DEDUP_KEY = 255

function eventOf(alert: Alert, context: FormatContext) {
  const { finding, system } = alert
  const action = alert.event === 'resolved' ? 'resolve' : 'trigger'
  const client = webUrl(context.publicUrl)
  return {
    event_action: action,
    dedup_key: alert.dedupKey.slice(0, MAX_DEDUP_KEY),
    client: context.product.name,
    ...(client === undefined ? {} : { client_url: client }),
    payload: {
      summary: plain(alert.title, MAX_SUMMARY) || kindLabel(finding.kind),
      source: plain(system?.name ?? '', 255) || context.hostname,
      severity: SEVERITIES[finding.severity],
      timestamp: alert.at,
      class: finding.kind,
      ...(system === undefined ? {} : { component: plain(system.probe, 255), group: plain(system.zone, 255) }),
      custom_details: {
        summary: alert.summary,
        ...Object.fromEntries(factsOf(alert).map(({ label, value }) => [label, value])),
        ...(alert.remediation.length === 0
          ? {}
          : { remediation: alert.remediation.map((step, index) => `${index + 1}. ${plain(step, 1_000)}`).join('\n') }),
        alert: alert.id,
        ...(alert.test ? { test: true } : {}),
      },
    },
    ...links(alert, context),
  }
}

function links(alert: Alert, context: FormatContext) {
  const open = webUrl(linkOf(alert.finding.id, context))
  const runbook = webUrl(alert.system?.runbook)
  const all = [
    ...(open === undefined ? [] : [{ href: open, text: 'Finding in Revenant' }]),
    ...(runbook === undefined
      ? []
      : [{ href: runbook, text: cut(`Runbook of ${plain(alert.system?.name ?? 'the system', 80)}`, 100) }]),
  ]
  return all.length === 0 ? {} : { links: all }
}
