import { RevenantError } from '../domain/error.ts'
import { listDeliveries, redriveDeliveries } from '../store/alert.ts'
import { type CommandContext, recordAction, withRuntime } from './context.ts'
import { EXIT, json, line } from './io.ts'
import { ago, table } from './table.ts'

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
  options: { sink?: string; all: boolean },
): Promise<number> {
  if (id === undefined && options.sink === undefined && !options.all)
    throw new RevenantError('INPUT_INVALID', 'name a delivery, a --sink, or say --all')
  return withRuntime(context, async (runtime) => {
    const redriven = await runtime.store.db.transaction().execute(async (tx) => {
      const rows = await redriveDeliveries(
        tx,
        { ...(id === undefined ? {} : { id }), ...(options.sink === undefined ? {} : { sink: options.sink }) },
        runtime.now(),
      )
      for (const row of rows) await runtime.jobs.enqueueDelivery(tx, { deliveryId: row.id, attempts: row.attempts })
      return rows.length
    })
    await recordAction(runtime, 'alerts.redrive', options.sink ?? id ?? 'all', { count: redriven })
    line(context.io, `${redriven} alerts are on their way again.`)
    return EXIT.ok
  })
}
