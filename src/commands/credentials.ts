import { repinCredential } from '../intake/repin.ts'
import { retireCredential } from '../intake/retire.ts'
import { listCredentials } from '../store/credential.ts'
import { type CommandContext, withRuntime } from './context.ts'
import { intakeDeps } from './import.ts'
import { done, EXIT, json, line } from './io.ts'
import { ago, span, table } from './table.ts'
import { recordView } from './view.ts'

/** `revenant credentials list` */
export async function list(
  context: CommandContext,
  options: { system?: string; identity?: string; limit: number; json: boolean },
): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const { system, identity, limit } = options
    const rows = await listCredentials(runtime.store.db, {
      limit,
      ...(system === undefined ? {} : { system }),
      ...(identity === undefined ? {} : { identity }),
    })
    await recordView(runtime, { action: 'credentials.view', subject: identity ?? system ?? 'all', detail: { identity, system } })
    const { io } = context
    const now = runtime.now()
    if (options.json) {
      for (const row of rows) json(io, row)
    } else if (rows.length === 0) {
      line(io, 'No credentials: `revenant import credentials FILE`.')
    } else {
      io.out(
        table(
          io,
          ['ID', 'WHO', 'SYSTEM', 'LABEL', 'VERDICT', 'REASON', 'ASSURANCE', 'SEEN', 'NEXT', 'REVOKED AFTER'],
          rows.map((row) => [
            row.id,
            row.external_id,
            row.system,
            row.label,
            row.verdict ?? '-',
            row.reason ?? '-',
            row.assurance ?? '-',
            ago(now, row.observed_at),
            ago(now, row.due_at),
            row.latency_ms === null ? '-' : span(row.latency_ms),
          ]),
        ),
      )
    }
    return EXIT.ok
  })
}

/** `revenant credentials retire ID` */
export async function retire(context: CommandContext, id: string, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const changed = await retireCredential(id, intakeDeps(runtime))
    const sentence = changed ? 'Retired: its secret is shredded, its history stays.' : 'It was retired already.'
    return done(context.io, options.json, { credential: id, changed }, sentence)
  })
}

/** `revenant credentials repin ID` */
export async function repin(context: CommandContext, id: string, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    await repinCredential(id, intakeDeps(runtime))
    const sentence = 'What its reference holds now is its secret from now on; it is checked as if it were new.'
    return done(context.io, options.json, { credential: id, changed: true }, sentence)
  })
}
