import type { Alert } from '../../domain/alert.ts'
import { envelopeOf } from '../envelope.ts'
import { fitRendered } from '../fit-alert.ts'
import { plain } from '../plain.ts'
import { type Fact, factsOf, lateness } from './facts.ts'
import { fitGroup, mostSevereFirst } from './fit-group.ts'
import { heartbeatFacts } from './heartbeat-facts.ts'
import { linkOf } from './link.ts'
import {
  type Format,
  type FormatContext,
  type GroupFormat,
  type HeartbeatFormat,
  MAX_BODY_BYTES,
  type Rendered,
} from './rendered.ts'
import { alertLines, groupLines, textHeartbeat } from './text.ts'
import { headlineOf, type Tone, toneOf, toneOfMessage } from './tone.ts'
import { webUrl } from './web-url.ts'

/** A mail: a subject, plain text, and the same as HTML that needs no images, no scripts and no network. */
export const mail: Format = (alert, context) =>
  fitRendered(alert, context.maxBytes ?? MAX_BODY_BYTES, (fitted) => {
    const tone = toneOf(fitted)
    return letter(
      headlineOf(tone, fitted.title),
      alertLines(fitted, context).join('\n'),
      page(fitted.title, tone, alertHtml(fitted, context)),
    )
  })

/** One row an alert, the most severe first. */
export const mailGroup: GroupFormat = (group, context) => {
  const envelope = envelopeOf({ type: 'group', group })
  const { title } = envelope
  const tone = toneOfMessage(envelope)
  return fitGroup(group, context.maxBytes ?? MAX_BODY_BYTES, Number.MAX_SAFE_INTEGER, (shown, omitted) =>
    letter(
      headlineOf(tone, title),
      groupLines(group, shown, omitted, context).join('\n'),
      page(title, tone, groupHtml(shown, omitted, context)),
    ),
  )
}

export const mailHeartbeat: HeartbeatFormat = (heartbeat, context) => {
  const { title } = envelopeOf({ type: 'heartbeat', heartbeat })
  return letter(title, textHeartbeat(heartbeat, context).body, page(title, 'info', table(heartbeatFacts(heartbeat))))
}

function letter(subject: string, text: string, html: string): Rendered {
  return {
    contentType: 'text/plain; charset=utf-8',
    subject: plain(`[Revenant] ${subject}`, 200),
    body: text,
    alternatives: [{ contentType: 'text/html; charset=utf-8', body: html }],
  }
}

const COLOURS: Record<Tone, string> = {
  resolved: '#2e6b34',
  info: '#5b6470',
  low: '#2563a8',
  medium: '#8a6100',
  high: '#b4500b',
  critical: '#b3261e',
}

/**
 * Styles are inline, since mail readers drop style sheets. No background and no text colour but the bar's, whose white on colour
 * reads in both schemes: a reader in dark mode turns the rest as it likes.
 */
function page(title: string, tone: Tone, content: string): string {
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">',
    `<meta name="supported-color-schemes" content="light dark"><title>${entities(plain(title, 250))}</title></head>`,
    '<body style="margin:0;padding:16px;overflow-wrap:anywhere;font:15px/1.45 system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif">',
    `<div style="background:${COLOURS[tone]};color:#ffffff;padding:2px 10px;display:inline-block;border-radius:3px;font-weight:bold">${tone.toUpperCase()}</div>`,
    `<h1 style="font-size:19px;margin:8px 0 12px">${entities(plain(title, 250))}</h1>`,
    content,
    '</body></html>',
  ].join('\n')
}

function alertHtml(alert: Alert, context: FormatContext): string {
  const steps = alert.remediation.map((step) => `<li style="margin:4px 0">${entities(plain(step, 1_000))}</li>`)
  return [
    `<p style="max-width:46em">${entities(plain(alert.summary, 2_000))}</p>`,
    ...(steps.length === 0
      ? []
      : [
          '<h2 style="font-size:16px;margin:16px 0 4px">What to do</h2>',
          `<ol style="max-width:46em;padding-left:22px">${steps.join('')}</ol>`,
        ]),
    table(factsOf(alert)),
    links(alert, context),
  ].join('\n')
}

function groupHtml(shown: readonly Alert[], omitted: number, context: FormatContext): string {
  const rows = mostSevereFirst(shown).map((alert) => {
    const { finding, deadline, event } = alert
    const late = deadline !== undefined && event !== 'resolved' ? `, ${lateness(deadline.overdueMs)}` : ''
    const title = entities(plain(alert.title, 250))
    const link = webUrl(linkOf(finding.id, context))
    const shownTitle = link === undefined ? title : `<a href="${entities(link)}">${title}</a>`
    const tone = toneOf(alert)
    return `<li><b>${tone.toUpperCase()}</b> ${shownTitle} (${event}${late})</li>`
  })
  return [
    `<ul style="padding-left:22px;line-height:1.7">${rows.join('\n')}</ul>`,
    ...(omitted === 0 ? [] : [`<p>and ${omitted} more: <code>revenant alerts list</code></p>`]),
  ].join('\n')
}

function table(facts: readonly Fact[]): string {
  // Labels stay whole on a narrow screen; what strangers chose breaks wherever it must.
  const rows = facts.map(
    ({ label, value }) => `<tr>${cell(`<b>${entities(label)}</b>`, ';white-space:nowrap')}${cell(entities(value))}</tr>`,
  )
  return `<table style="border-collapse:collapse">${rows.join('')}</table>`
}

function cell(html: string, style = ''): string {
  return `<td style="padding:3px 12px 3px 0;vertical-align:top;border-bottom:1px solid #8884${style}">${html}</td>`
}

function links(alert: Alert, context: FormatContext): string {
  const all = [
    ['Open finding', webUrl(linkOf(alert.finding.id, context))],
    ['Runbook', webUrl(alert.system?.runbook)],
  ] as const
  return all.flatMap(([text, url]) => (url === undefined ? [] : [`<p><a href="${entities(url)}">${text}</a></p>`])).join('\n')
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function entities(value: string): string {
  return value.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}
