import type { Alert } from '../../domain/alert.ts'
import { envelopeOf } from '../envelope.ts'
import { fitAlert } from '../fit-alert.ts'
import { cut, plain } from '../plain.ts'
import { type Fact, factsOf, rowNotes } from './facts.ts'
import { fitGroup, mostSevereFirst } from './fit-group.ts'
import { linkOf } from './link.ts'
import { type Format, type FormatContext, type GroupFormat, MAX_BODY_BYTES } from './rendered.ts'
import { headlineOf, type Tone, toneOf, toneOfMessage } from './tone.ts'
import { webUrl } from './web-url.ts'

/**
 * Block Kit for an incoming webhook. What strangers chose stands in `plain_text`, where Slack reads no mark-up, or is escaped; so no name can
 * mention a channel or make a link.
 */
export const slack: Format = (alert, context) => ({
  contentType: 'application/json',
  body: fitAlert(alert, limit(context), (fitted) =>
    JSON.stringify(message(fitted.title, toneOf(fitted), alertBlocks(fitted, context))),
  ),
})

/** One section an alert, the most severe first; where not all fit with their buttons, without. */
export const slackGroup: GroupFormat = (group, context) => {
  const envelope = envelopeOf({ type: 'group', group })
  const { title } = envelope
  const tone = toneOfMessage(envelope)
  const { publicUrl: _publicUrl, ...unlinked } = context
  const rows = (of: FormatContext) => (shown: readonly Alert[], omitted: number) => ({
    contentType: 'application/json',
    body: JSON.stringify(message(title, tone, groupBlocks(title, tone, shown, omitted, of))),
  })
  return fitGroup(group, limit(context), MOST_ROWS, rows(context), rows(unlinked))
}

/** Undocumented: Slack answers `msg_blocks_too_long` from about 13,000 characters of blocks on. */
const MAX_MESSAGE_BYTES = 12_000
/** Of 50 blocks a message, some are the head and the foot. */
const MOST_ROWS = 40
const MAX_HEADER = 150
const MAX_SECTION = 3_000
const MAX_FIELD = 2_000
const MAX_FIELDS = 10

const MARKS: Record<Tone, string> = { resolved: '🟢', info: '⚪', low: '🔵', medium: '🟡', high: '🟠', critical: '🔴' }

function limit({ maxBytes = MAX_BODY_BYTES }: FormatContext): number {
  return Math.min(maxBytes, MAX_MESSAGE_BYTES)
}

/** `text` is what a notification shows. */
function message(title: string, tone: Tone, blocks: object[]) {
  return {
    text: entities(headlineOf(tone, plain(title, 250)), MAX_SECTION),
    unfurl_links: false,
    unfurl_media: false,
    blocks,
  }
}

function alertBlocks(alert: Alert, context: FormatContext): object[] {
  return [
    header(alert.title, toneOf(alert)),
    section(alert.summary),
    ...pages(factsOf(alert)),
    ...(alert.remediation.length === 0
      ? []
      : [section(alert.remediation.map((step, index) => `${index + 1}. ${plain(step, 900)}`).join('\n'))]),
    ...links(alert, context),
  ]
}

function groupBlocks(title: string, tone: Tone, shown: readonly Alert[], omitted: number, context: FormatContext): object[] {
  return [
    header(title, tone),
    ...mostSevereFirst(shown).map((alert) => row(alert, context)),
    ...(omitted === 0 ? [] : [section(`and ${omitted} more: revenant alerts list`)]),
  ]
}

function row(alert: Alert, context: FormatContext) {
  const link = webUrl(linkOf(alert.finding.id, context))
  return {
    ...section(`${MARKS[toneOf(alert)]} ${plain(alert.title, 250)}\n${plain(rowNotes(alert, link), 250)}`),
    ...(link === undefined ? {} : { accessory: button('Open', link) }),
  }
}

function header(title: string, tone: Tone) {
  return { type: 'header', text: plainText(`${MARKS[tone]} ${plain(title, 250)}`, MAX_HEADER) }
}

function section(text: string) {
  return { type: 'section', text: plainText(text, MAX_SECTION) }
}

/** Ten fields a section are five facts: a label and a value each. */
function pages(facts: readonly Fact[]): object[] {
  const fields = facts.flatMap(({ label, value }) => [{ type: 'mrkdwn', text: `*${label}*` }, plainText(value, MAX_FIELD)])
  return Array.from({ length: Math.ceil(fields.length / MAX_FIELDS) }, (_, page) => ({
    type: 'section',
    fields: fields.slice(page * MAX_FIELDS, (page + 1) * MAX_FIELDS),
  }))
}

/** Buttons with a URL open it and tell nobody. */
function links(alert: Alert, context: FormatContext): object[] {
  const open = webUrl(linkOf(alert.finding.id, context))
  const runbook = webUrl(alert.system?.runbook)
  const elements = [
    ...(open === undefined ? [] : [button('Open finding', open)]),
    ...(runbook === undefined ? [] : [button('Runbook', runbook)]),
  ]
  return elements.length === 0 ? [] : [{ type: 'actions', elements }]
}

function button(text: string, url: string) {
  return { type: 'button', text: plainText(text, 75), url }
}

function plainText(value: string, max: number) {
  return { type: 'plain_text', text: entities(value, max) || '-', emoji: false }
}

/** Slack's three entities; cut so that the escaped text stays within `max`, and never within an entity. */
function entities(value: string, max: number): string {
  const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const whole = escaped(value.toWellFormed())
  if (whole.length <= max) return whole
  let kept = Math.min(value.length, max)
  while (escaped(cut(value, kept)).length > max) kept -= Math.max(1, Math.ceil((escaped(cut(value, kept)).length - max) / 5))
  return escaped(cut(value, kept))
}
