import { outOfSightOf } from '../intake/feed/out-of-sight.ts'
import { type CommandContext, withRuntime } from './context.ts'
import { EXIT, json, line } from './io.ts'
import { ago, table } from './table.ts'

/** `revenant sources out-of-sight NAME` */
export async function outOfSight(context: CommandContext, name: string, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const now = runtime.now()
    const rows = await outOfSightOf(runtime.store.db, name, now)
    const { io } = context
    if (options.json) {
      for (const row of rows) json(io, row)
      return EXIT.ok
    }
    if (rows.length === 0) {
      line(io, `Nobody is out of sight of ${name}.`)
      return EXIT.ok
    }
    io.out(
      table(
        io,
        ['EXTERNAL ID', 'NAME', 'KEY', 'LAST HEARD OF'],
        rows.map(({ key, identity, saidAt }) => {
          return [identity.externalId, identity.name, key, ago(now, Temporal.Instant.from(saidAt))]
        }),
      ),
    )
    line(io, '\nWhoever has left: `revenant identities terminate NAME`. Nobody here counts as gone by what this source lists.')
    return EXIT.ok
  })
}
