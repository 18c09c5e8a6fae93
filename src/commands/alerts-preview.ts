import { FORMAT_NAMES, type FormatName, render } from '../alerts/formats/format.ts'
import type { FormatContext, Rendered } from '../alerts/formats/rendered.ts'
import { contextFor } from '../alerts/sinks/sink.ts'
import type { AlertGroup, Subject } from '../alerts/subject.ts'
import type { Runtime } from '../daemon/runtime.ts'
import type { Alert } from '../domain/alert.ts'
import { RevenantError } from '../domain/error.ts'
import { findFindingsByEnd } from '../store/finding.ts'
import { lastAlertOf, lastAlertsOfIdentity } from '../store/last-alert.ts'
import { type CommandContext, withRuntime } from './context.ts'
import { EXIT, json, line } from './io.ts'
import { recordView } from './view.ts'

export interface PreviewOptions {
  finding: string
  format: string
  group: boolean
  json: boolean
}

/** `revenant alerts preview --finding ID --format F [--group]`: what a sink would be handed, and nothing is sent. */
export async function preview(context: CommandContext, options: PreviewOptions): Promise<number> {
  const format = FORMAT_NAMES.find((name) => name === options.format)
  if (format === undefined)
    throw new RevenantError('INPUT_INVALID', `there is no format of that name: take one of ${FORMAT_NAMES.join(', ')}`)
  return withRuntime(context, async (runtime) => {
    const rendered = await renderLast(runtime, format, options)
    const { io } = context
    if (options.json) json(io, rendered)
    else if (rendered.subject === undefined && rendered.alternatives === undefined) line(io, rendered.body)
    else for (const text of parts(rendered)) line(io, text)
    return EXIT.ok
  })
}

async function renderLast(runtime: Runtime, format: FormatName, options: PreviewOptions): Promise<Rendered> {
  if (!/^[0-9a-f-]{4,36}$/i.test(options.finding))
    throw new RevenantError('INPUT_INVALID', 'that is no id of a finding: take one from `revenant findings list`')
  const [finding, other] = await findFindingsByEnd(runtime.store.db, options.finding.toLowerCase())
  if (finding === undefined) throw new RevenantError('NOT_FOUND', `there is no finding ${options.finding}`)
  if (other !== undefined)
    throw new RevenantError('INPUT_INVALID', `${options.finding} fits more than one finding: give more of it`)
  const alert = await lastAlertOf(runtime.store.db, finding.id)
  if (alert === undefined) throw new RevenantError('NOT_FOUND', 'no alert was made of that finding yet')
  await recordView(runtime, { action: 'alert.view', subject: finding.id, detail: { format, group: options.group } })
  const subject: Subject = options.group
    ? { type: 'group', group: groupOf(alert, await together(runtime, alert)) }
    : { type: 'alert', alert }
  return render(format, subject, contextOf(runtime, format))
}

/** As the first sink with this format would be given it: its size, its key. */
function contextOf(runtime: Runtime, format: FormatName): FormatContext {
  const { context } = runtime.deliveryDeps
  const opened = runtime.config.alerts.map(({ name }) => runtime.sinks.byName(name)).find((sink) => sink?.format === format)
  return opened === undefined ? context : contextFor(opened.sink, context)
}

/** More than that is no preview. */
const MOST_ALERTS = 500

/** What a receiver that groups by identity would get with it. */
async function together(runtime: Runtime, alert: Alert): Promise<Alert[]> {
  return alert.identity === undefined ? [] : lastAlertsOfIdentity(runtime.store.db, alert.identity.id, MOST_ALERTS)
}

function groupOf(alert: Alert, [first = alert, ...rest]: readonly Alert[]): AlertGroup {
  const { identity, system, finding } = alert
  return {
    id: alert.id,
    key: identity === undefined ? `finding:${finding.id}` : `identity:${identity.id}`,
    about: identity?.name ?? system?.name ?? alert.title,
    at: rest.at(-1)?.at ?? first.at,
    alerts: [first, ...rest],
  }
}

/** Each part under what it is, as a mail would have them. */
function parts({ subject, contentType, body, alternatives = [] }: Rendered): string[] {
  return [
    ...(subject === undefined ? [] : [`Subject: ${subject}`]),
    ...[{ contentType, body }, ...alternatives].flatMap((part) => [`Content-Type: ${part.contentType}`, '', part.body]),
  ]
}
