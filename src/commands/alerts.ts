import { redrive as redriveDead } from '../alerts/redrive.ts'
import type { Receipt } from '../alerts/sinks/sink.ts'
import { trySink } from '../alerts/try-sink.ts'
import { RevenantError } from '../domain/error.ts'
import { listDeliveries } from '../store/delivery.ts'
import { type CommandContext, operator, withRuntime } from './context.ts'
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
    const filter = { ...(id === undefined ? {} : { id }), ...(options.sink === undefined ? {} : { sink: options.sink }) }
    const { store, now, enqueueAll } = runtime
    const redriven = await redriveDead(filter, { db: store.db, now, enqueueAll, actor: operator() })
    return done(context.io, options.json, { redriven }, `${redriven} alerts are on their way again.`)
  })
}

/** `revenant alerts test SINK`: exit 0 when the receiver took the sample, 1 when it did not. */
export async function test(context: CommandContext, sink: string, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const deps = { ...runtime.deliveryDeps, sinks: runtime.sinks, actor: operator() }
    const sent = await trySink(sink, deps, context.io.signal)
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

function facts(detail: Receipt['detail']): string {
  return Object.entries(detail)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}
