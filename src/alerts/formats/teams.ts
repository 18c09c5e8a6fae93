import type { Alert } from '../../domain/alert.ts'
import type { Severity } from '../../domain/finding.ts'
import { envelopeOf } from '../envelope.ts'
import { fitAlert } from '../fit-alert.ts'
import { plain } from '../plain.ts'
import { factsOf, lateness } from './facts.ts'
import { fitGroup, mostSevereFirst } from './fit-group.ts'
import { linkOf } from './link.ts'
import { type Format, type FormatContext, type GroupFormat, MAX_BODY_BYTES } from './rendered.ts'
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
  const { title, severity } = envelopeOf({ type: 'group', group })
  return fitGroup(group, limit(context), MOST_ROWS, (shown, omitted) => ({
    contentType: 'application/json',
    body: JSON.stringify(
      message(
        [
          heading(title, severity),
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

const COLOURS: Record<Severity, string> = {
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
    heading(alert.title, alert.finding.severity),
    block([run(plain(alert.summary, 2_000))]),
    ...factsOf(alert).map(({ label, value }) => block([run(`${label}: `, { weight: 'Bolder' }), run(value)])),
    ...alert.remediation.map((step, index) => block([run(`${index + 1}. ${plain(step, 1_000)}`)])),
  ]
}

function row(alert: Alert, context: FormatContext): object {
  const { finding, deadline, credential, event } = alert
  const link = webUrl(linkOf(finding.id, context))
  const notes = [
    event,
    deadline !== undefined && event !== 'resolved' ? lateness(deadline.overdueMs) : '',
    credential?.fingerprint ?? '',
    // As `revenant findings show` takes it.
    link === undefined ? `finding ${finding.id.slice(-8)}` : '',
  ]
  return block([
    run(`${finding.severity.toUpperCase()} `, { weight: 'Bolder', color: COLOURS[finding.severity] }),
    run(plain(alert.title, 250), link === undefined ? {} : { selectAction: { type: 'Action.OpenUrl', url: link } }),
    run(` (${plain(notes.filter((note) => note !== '').join(', '), 250)})`, { isSubtle: true }),
  ])
}

function heading(title: string, severity: Severity): object {
  return block([
    run(`${severity.toUpperCase()} `, { size: 'Large', weight: 'Bolder', color: COLOURS[severity] }),
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
