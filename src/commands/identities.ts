import { reinstateIdentity, terminateIdentity } from '../intake/terminate.ts'
import { listIdentities } from '../store/identity.ts'
import { type CommandContext, withRuntime } from './context.ts'
import { instantOf } from './findings.ts'
import { intakeDeps } from './import.ts'
import { counted, done, EXIT, json, line } from './io.ts'
import { ago, table } from './table.ts'
import { recordView } from './view.ts'

/** `revenant identities list` */
export async function list(
  context: CommandContext,
  options: { terminated: boolean; limit: number; json: boolean },
): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const now = runtime.now()
    const rows = await listIdentities(
      runtime.store.db,
      { limit: options.limit, ...(options.terminated ? { terminated: true } : {}) },
      now,
    )
    await recordView(runtime, { action: 'identities.view', subject: 'all', detail: { terminated: options.terminated } })
    const { io } = context
    if (options.json) {
      for (const row of rows) json(io, row)
    } else if (rows.length === 0) {
      line(io, 'No identities yet: `revenant import identities FILE`.')
    } else {
      io.out(
        table(
          io,
          ['EXTERNAL ID', 'KIND', 'NAME', 'LEFT', 'CREDENTIALS', 'OPEN', 'CLOSED', 'UNPROVEN'],
          rows.map((row) => [
            row.external_id,
            row.kind,
            row.name,
            ago(now, row.terminated_at),
            String(row.credentials),
            String(row.open),
            String(row.dead),
            String(row.unproven),
          ]),
        ),
      )
    }
    return EXIT.ok
  })
}

/** `revenant identities terminate EXTERNAL-ID [--at INSTANT]` */
export async function terminate(
  context: CommandContext,
  externalId: string,
  options: { at?: string; json: boolean },
): Promise<number> {
  const at = options.at === undefined ? undefined : instantOf('--at', options.at)
  return withRuntime(context, async (runtime) => {
    const when = at ?? runtime.now()
    const report = await terminateIdentity(externalId, at, intakeDeps(runtime))
    return done(
      context.io,
      options.json,
      { identity: externalId, ...report },
      report.changed
        ? `${externalId} left at ${when.toString({ smallestUnit: 'second' })}. ${counted(report.dueNow, 'credential is', 'credentials are')} due now.`
        : `${externalId} had left already: nothing changed.${at === undefined ? ' Give --at to correct the instant.' : ''}`,
    )
  })
}

/** `revenant identities reinstate EXTERNAL-ID` */
export async function reinstate(context: CommandContext, externalId: string, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const report = await reinstateIdentity(externalId, intakeDeps(runtime))
    return done(
      context.io,
      options.json,
      { identity: externalId, ...report },
      report.changed
        ? `${externalId} is back: its credentials are no longer tried.`
        : `${externalId} had not left: nothing changed.`,
    )
  })
}
