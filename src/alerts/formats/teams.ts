import type { Alert } from '../../domain/alert.ts'
import { envelopeOf } from '../envelope.ts'
import { fitAlert } from '../fit-alert.ts'
import { plain } from '../plain.ts'
import { factsOf, rowNotes } from './facts.ts'
import { fitGroup, mostSevereFirst } from './fit-group.ts'
import { linkOf } from './link.ts'
import { type Format, type FormatContext, type GroupFormat, MAX_BODY_BYTES } from './rendered.ts'
import { type Tone, toneOf, toneOfMessage } from './tone.ts'
import { webUrl } from './web-url.ts'

/**
 * A message with one Adaptive Card, as a Workflows webhook of Teams takes it. All text stands in `RichTextBlock`s: unlike `TextBlock` and
 * `FactSet` they read no Markdown, so no name can make a link, and no date function.
 */
export const teams: Format = (alert, context) => ({
  contentType: 'application/json',
  body: fitAlert(alert, limit(context), (fitted) => JSON.stringify(message(alertBody(fitted), actions(fitted, context)))),
})

/** One block an alert, the most severe first. */
export const teamsGroup: GroupFormat = (group, context) => {
  const envelope = envelopeOf({ type: 'group', group })
  return fitGroup(group, limit(context), MOST_ROWS, (shown, omitted) => ({
    contentType: 'application/json',
    body: JSON.stringify(
      message(
        [
          heading(envelope.title, toneOfMessage(envelope)),
          ...mostSevereFirst(shown).map((alert) => row(alert, context)),
          ...(omitted === 0 ? [] : [block([run(`and ${omitted} more: revenant alerts list`, { isSubtle: true })])]),
        ],
        [],
      ),
    ),
  }))
}

/** Teams takes 28 KB a message. */
const MAX_MESSAGE_BYTES = 26_000
const MOST_ROWS = 60

const COLOURS: Record<Tone, string> = {
  resolved: 'Good',
  info: 'Default',
  low: 'Accent',
  medium: 'Warning',
  high: 'Warning',
  critical: 'Attention',
}

function limit({ maxBytes = MAX_BODY_BYTES }: FormatContext): number {
  return Math.min(maxBytes, MAX_MESSAGE_BYTES)
}

function message(body: object[], openUrls: object[]) {
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          msteams: { width: 'Full' },
          body,
          ...(openUrls.length === 0 ? {} : { actions: openUrls }),
        },
      },
    ],
  }
}

function alertBody(alert: Alert): object[] {
  return [
    heading(alert.title, toneOf(alert)),
    block([run(plain(alert.summary, 2_000))]),
    ...factsOf(alert).map(({ label, value }) => block([run(`${label}: `, { weight: 'Bolder' }), run(value)])),
    ...alert.remediation.map((step, index) => block([run(`${index + 1}. ${plain(step, 1_000)}`)])),
  ]
}

function row(alert: Alert, context: FormatContext): object {
  const link = webUrl(linkOf(alert.finding.id, context))
  const tone = toneOf(alert)
  return block([
    run(`${tone.toUpperCase()} `, { weight: 'Bolder', color: COLOURS[tone] }),
    run(plain(alert.title, 250), link === undefined ? {} : { selectAction: { type: 'Action.OpenUrl', url: link } }),
    run(` (${plain(rowNotes(alert, link), 250)})`, { isSubtle: true }),
  ])
}

function heading(title: string, tone: Tone): object {
  return block([
    run(`${tone.toUpperCase()} `, { size: 'Large', weight: 'Bolder', color: COLOURS[tone] }),
    run(plain(title, 250), { size: 'Large', weight: 'Bolder' }),
  ])
}

function actions(alert: Alert, context: FormatContext): object[] {
  const open = webUrl(linkOf(alert.finding.id, context))
  const runbook = webUrl(alert.system?.runbook)
  return [
    ...(open === undefined ? [] : [{ type: 'Action.OpenUrl', title: 'Open finding', url: open }]),
    ...(runbook === undefined ? [] : [{ type: 'Action.OpenUrl', title: 'Runbook', url: runbook }]),
  ]
}

function block(inlines: object[]): object {
  return { type: 'RichTextBlock', inlines }
}

function run(text: string, style: object = {}): object {
  return { type: 'TextRun', text, ...style }
}
