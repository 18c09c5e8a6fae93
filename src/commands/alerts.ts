import { advise } from '../alerts/advise.ts'
import { envelopeOf } from '../alerts/envelope.ts'
import { render } from '../alerts/formats/format.ts'
import { sampleAlert } from '../alerts/sample.ts'
import { contextFor, type Receipt, SinkError } from '../alerts/sinks/sink.ts'
import type { Runtime } from '../daemon/runtime.ts'
import { RevenantError } from '../domain/error.ts'
import { listDeliveries, redriveDeliveries } from '../store/delivery.ts'
import { type CommandContext, recordAction, withRuntime } from './context.ts'
import { done, EXIT, json, line } from './io.ts'
import { ago, table } from './table.ts'
import { recordView } from './view.ts'

/** `revenant alerts list [--dead] [--sink NAME]` */
export async function list(
  context: CommandContext,
  options: { json: boolean; dead: boolean; sink?: string; limit: number },
): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const rows = await listDeliveries(runtime.store.db, {
      limit: options.limit,
      ...(options.dead ? { state: 'dead' as const } : {}),
      ...(options.sink === undefined ? {} : { sink: options.sink }),
    })
    await recordView(runtime, { action: 'alerts.view', subject: options.sink ?? 'all', detail: { dead: options.dead } })
    const { io } = context
    if (options.json) {
      for (const row of rows) json(io, row)
      return EXIT.ok
    }
    if (rows.length === 0) {
      line(io, options.dead ? 'No alert is dead.' : 'No alerts yet.')
      return EXIT.ok
    }
    const now = runtime.now()
    io.out(
      table(
        io,
        ['ID', 'SINK', 'STATE', 'TRIES', 'AGE', 'EVENT', 'SEVERITY', 'TITLE', 'DETAIL'],
        rows.map((row) => [
          row.id.slice(-8),
          row.sink,
          row.state,
          String(row.attempts),
          ago(now, row.created_at),
          row.event,
          row.severity,
          row.body.title,
          row.detail ?? '',
        ]),
      ),
    )
    if (options.dead) line(io, '\n`revenant alerts redrive --sink NAME` tries them again.')
    return EXIT.ok
  })
}

/** `revenant alerts redrive [ID] [--sink NAME] [--all]` */
export async function redrive(
  context: CommandContext,
  id: string | undefined,
  options: { sink?: string; all: boolean; json: boolean },
): Promise<number> {
  if (id === undefined && options.sink === undefined && !options.all)
    throw new RevenantError('INPUT_INVALID', 'name a delivery, a --sink, or say --all')
  if (id !== undefined && !/^[0-9a-f-]{8,36}$/i.test(id))
    throw new RevenantError('INPUT_INVALID', `"${id}" is no id of a delivery: take one from \`revenant alerts list --dead\``)
  return withRuntime(context, async (runtime) => {
    const redriven = await runtime.store.db.transaction().execute(async (tx) => {
      const rows = await redriveDeliveries(
        tx,
        { ...(id === undefined ? {} : { id }), ...(options.sink === undefined ? {} : { sink: options.sink }) },
        runtime.now(),
      )
      for (const row of rows)
        await runtime.jobs.enqueueDelivery(tx, { deliveryId: row.id, sink: row.sink, attempts: row.attempts })
      return rows.length
    })
    await recordAction(runtime, 'alerts.redrive', options.sink ?? id ?? 'all', { count: redriven })
    return done(context.io, options.json, { redriven }, `${redriven} alerts are on their way again.`)
  })
}

/** `revenant alerts test SINK`: exit 0 when the receiver took the sample, 1 when it did not. */
export async function test(context: CommandContext, sink: string, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const sent = await sendSample(runtime, sink, context.io.signal)
    await recordAction(runtime, 'alerts.test', sink, { alert: sent.alert, taken: sent.taken })
    const { io } = context
    if (options.json) json(io, sent)
    else if (sent.taken) {
      line(io, `The sink "${sink}" took the sample in ${sent.latencyMs} ms: ${facts(sent.detail)}.`)
      line(io, `Look for the title "${sent.title}" and the id ${sent.alert} there.`)
      if (sent.kind === 'syslog') line(io, 'Syslog acknowledges nothing: only the receiver can show that it has arrived.')
      if (sent.kind === 'stdout') line(io, 'It was written to the standard output of the process that delivers.')
    } else {
      line(io, `The sink "${sink}" did not take the sample (${sent.latencyMs} ms): ${sent.error}.`)
      line(io, `  -> ${sent.mend}`)
    }
    return sent.taken ? EXIT.ok : EXIT.fault
  })
}

interface Sent {
  sink: string
  kind: string
  /** The id of the alert. */
  alert: string
  dedupKey: string
  title: string
  latencyMs: number
}

type Outcome = Sent &
  ({ taken: true; detail: Receipt['detail'] } | { taken: false; detail: Receipt['detail']; error: string; mend: string })

async function sendSample(runtime: Runtime, name: string, signal: AbortSignal): Promise<Outcome> {
  const fault = runtime.sinks.faultOf(name)
  if (fault !== undefined) throw fault
  const opened = runtime.sinks.byName(name)
  if (opened === undefined) {
    const names = runtime.config.alerts.map((entry) => entry.name).join(', ') || 'none'
    throw new RevenantError('NOT_FOUND', `the configuration has no sink "${name}" under alerts (there: ${names})`)
  }
  const { sink, format } = opened
  const alert = sampleAlert(runtime.now())
  const subject = { type: 'alert', alert } as const
  const rendered = render(format, subject, contextFor(sink, runtime.deliveryDeps.context))
  const started = performance.now()
  const sent = () => ({
    sink: name,
    kind: sink.kind,
    alert: alert.id,
    dedupKey: alert.dedupKey,
    title: alert.title,
    latencyMs: Math.round(performance.now() - started),
  })
  try {
    const { detail } = await sink.deliver({ envelope: envelopeOf(subject), rendered }, signal)
    return { ...sent(), taken: true, detail }
  } catch (error) {
    if (!(error instanceof SinkError)) throw error
    return { ...sent(), taken: false, detail: { ...error.detail }, error: error.message, mend: advise(error) }
  }
}

function facts(detail: Receipt['detail']): string {
  return Object.entries(detail)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}
