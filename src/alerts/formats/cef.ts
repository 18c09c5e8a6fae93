import { isIPv4 } from 'node:net'
import type { Alert } from '../../domain/alert.ts'
import { kindLabel } from '../describe.ts'
import { envelopeOf } from '../envelope.ts'
import { fitAlert } from '../fit-alert.ts'
import { cut, plain } from '../plain.ts'
import { addressOf } from './address.ts'
import { controlWords, frameworkWords, proofOf } from './facts.ts'
import { HEALTH_SEVERITIES, headerSeverity } from './header-severity.ts'
import { healthOf, heartbeatFacts } from './heartbeat-facts.ts'
import { linkOf } from './link.ts'
import { type Format, type FormatContext, type HeartbeatFormat, MAX_BODY_BYTES } from './rendered.ts'

/**
 * ArcSight Common Event Format, `CEF:0`, one line. The keys are those of its extension dictionary; what it has no key for stands in the
 * custom strings, numbers and dates with their labels, in the same place in every alert, or in a key that begins with our name. Values lose control characters; the only line
 * breaks are those between the steps of the remediation, as `\n`.
 */
export const cef: Format = (alert, context) => ({
  contentType: 'text/plain; charset=utf-8',
  body: fitAlert(alert, context.maxBytes ?? MAX_BODY_BYTES, (fitted) => {
    const { kind, severity } = fitted.finding
    const header = [kind, kindLabel(kind), String(headerSeverity(severity, fitted.event))]
    return record(context, header, extension(fitted, context))
  }),
})

export const cefHeartbeat: HeartbeatFormat = (heartbeat, context) => ({
  contentType: 'text/plain; charset=utf-8',
  body: record(
    context,
    ['heartbeat', 'Heartbeat', String(HEALTH_SEVERITIES[healthOf(heartbeat)])],
    [
      ['rt', milliseconds(heartbeat.at)],
      ['externalId', heartbeat.id],
      ['cat', 'heartbeat'],
      ...sender(context),
      ['msg', heartbeatMessage(heartbeat)],
      ...labelled('cn1', 'open findings', String(Object.values(heartbeat.open).reduce((sum, count) => sum + count, 0))),
      ...labelled('cn2', 'overdue credentials', String(heartbeat.coverage.overdue)),
      ...labelled('cn3', 'dead deliveries', String(heartbeat.deliveries.dead)),
      ...labelled('deviceCustomDate1', 'next heartbeat by', milliseconds(heartbeat.nextBy)),
    ],
  ),
})

/** Several lines are joined by `\n`; one line stays one, whatever is in it. */
type Value = string | readonly string[] | undefined
type Pair = readonly [key: string, value: Value]

function extension(alert: Alert, context: FormatContext): Pair[] {
  const { finding, identity, credential, evidence, deadline } = alert
  return [
    ['rt', milliseconds(alert.at)],
    ['start', milliseconds(finding.openedAt)],
    ['end', milliseconds(finding.resolvedAt)],
    ['externalId', alert.id],
    ['cat', alert.test ? 'test' : 'finding'],
    ['act', alert.event],
    ['outcome', evidence?.verdict],
    ['reason', evidence?.reason],
    ...sender(context),
    ...target(alert),
    ['msg', `${plain(alert.title, 250)}. ${plain(alert.summary, 700)}`],
    ...labelled('cs1', 'dedup key', alert.dedupKey),
    ...labelled('cs2', 'identity', listed([identity?.name, identity?.email, identity?.kind, identity?.owner])),
    ...labelled('cs3', 'credential', listed([credential?.label, credential?.kind])),
    ...labelled('cs4', 'fingerprint', credential?.fingerprint),
    ...labelled('cs5', 'proof', evidence === undefined ? undefined : listed([...proofOf(evidence), ...controlWords(evidence)])),
    ...labelled(
      'cs6',
      'remediation',
      alert.remediation.map((step, index) => `${index + 1}. ${plain(step, 1_000)}`),
    ),
    ...labelled('cn1', 'sequence', String(alert.sequence)),
    ...labelled('cn2', 'episode', String(finding.episode)),
    ...labelled('cn3', 'overdue seconds', deadline && String(Math.round(deadline.overdueMs / 1_000))),
    ...labelled('deviceCustomDate1', 'revoke by', milliseconds(deadline?.revokeBy)),
    ...labelled('deviceCustomDate2', 'terminated at', milliseconds(identity?.terminatedAt)),
    ...labelled('flexString1', 'trace id', alert.traceId),
    ...labelled('flexString2', 'frameworks', listed(frameworkWords(alert))),
    ['RevenantFindingId', finding.id],
    ['RevenantLink', linkOf(finding.id, context)],
  ]
}

/** The account that was opened, and where. `dst` is for IPv4; IPv6 has a custom field of its own. */
function target({ identity, credential, evidence, system }: Alert): Pair[] {
  const { hostname, ip, port } = system === undefined ? {} : addressOf(system)
  const isOld = ip !== undefined && isIPv4(ip)
  return [
    ['duid', identity?.externalId],
    ['duser', evidence?.principal ?? credential?.principal ?? identity?.name],
    ['dpriv', credential?.privilege],
    ['destinationServiceName', system?.name],
    ['dhost', hostname],
    ['dst', isOld ? ip : undefined],
    ...labelled('c6a3', 'Destination IPv6 Address', isOld ? undefined : ip),
    ['dpt', port?.toString()],
  ]
}

function sender({ hostname, product }: FormatContext): Pair[] {
  return [
    ['dvchost', hostname],
    ['deviceExternalId', product.instance],
  ]
}

function heartbeatMessage(heartbeat: Parameters<HeartbeatFormat>[0]): string {
  const { title } = envelopeOf({ type: 'heartbeat', heartbeat })
  return [title, ...heartbeatFacts(heartbeat).map(({ label, value }) => `${label}: ${value}`)].join('; ')
}

function labelled(key: string, label: string, value: Value): Pair[] {
  return value === undefined || value.length === 0
    ? []
    : [
        [key, value],
        [`${key}Label`, label],
      ]
}

function listed(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(', ')
}

function milliseconds(instant: string): string
function milliseconds(instant: string | undefined): string | undefined
function milliseconds(instant: string | undefined): string | undefined {
  return instant === undefined ? undefined : String(Temporal.Instant.from(instant).epochMilliseconds)
}

/** @param event class id, name and severity */
function record({ product }: FormatContext, event: readonly string[], pairs: readonly Pair[]): string {
  const header = ['CEF:0', product.name, product.name, product.version, ...event].map(escapeHeader)
  const shown = pairs.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${escapeValue(value)}`]))
  return `${header.join('|')}|${shown.join(' ')}`
}

function escapeHeader(value: string): string {
  return plain(value, 512).replace(/[\\|]/g, '\\$&')
}

/** The dictionary's longest strings are 4,000 characters. `|` and spaces stand as they are. */
const MAX_VALUE = 4_000

function escapeValue(value: string | readonly string[]): string {
  const lines = (typeof value === 'string' ? [value] : value).map((line) => plain(line, MAX_VALUE))
  return cut(lines.join('\n'), MAX_VALUE).replace(/[\\=]/g, '\\$&').replaceAll('\n', '\\n')
}
