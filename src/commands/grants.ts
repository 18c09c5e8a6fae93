import { RevenantError } from '../domain/error.ts'
import { type GrantState, grantPage, listingTurns } from '../store/grant-page.ts'
import { identityIdOf } from '../store/identity-page.ts'
import { systemIdOf } from '../store/system-page.ts'
import { type CommandContext, withRuntime } from './context.ts'
import { done, EXIT, json, line } from './io.ts'
import { ago, table } from './table.ts'
import { recordView } from './view.ts'

const MOST = 500

export interface GrantsOptions {
  json: boolean
  system?: string
  identity?: string
  state?: GrantState
}

/** `revenant grants list` */
export async function list(context: CommandContext, options: GrantsOptions): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const { db } = runtime.store
    const { io } = context
    const filter = {
      state: options.state ?? ('standing' as const),
      systemId: await named('system', options.system, (name) => systemIdOf(db, name)),
      identityId: await named('identity', options.identity, (name) => identityIdOf(db, name)),
    }
    const subject = options.identity ?? options.system ?? 'all'
    await recordView(runtime, { action: 'grants.view', subject, detail: { state: filter.state } })
    const rows = await grantPage(db, filter, { sort: '-lastSeenAt', limit: MOST, after: undefined })
    if (options.json) {
      for (const { keys: _, ...row } of rows) json(io, row)
      return EXIT.ok
    }
    const now = runtime.now()
    if (rows.length > 0) {
      io.out(
        table(
          io,
          ['WHO', 'SYSTEM', 'KIND', 'TITLE', 'KEY', 'LAST USED', 'LISTED'],
          rows.map(({ identity, system, kind, title, key, detail, lastSeenAt }) => {
            const used = detail.lastUsedAt === undefined ? '' : ago(now, Temporal.Instant.from(detail.lastUsedAt))
            return [identity.externalId, system.name, kind, title, key, used, ago(now, Temporal.Instant.from(lastSeenAt))]
          }),
        ),
      )
    } else line(io, 'Nothing is listed of those who left.')
    for (const { system, fault } of await listingTurns(db))
      if (fault !== null)
        line(io, `\n${system} could not be asked: ${fault.replaceAll('_', ' ')}. What is not listed there proves nothing.`)
    return EXIT.ok
  })
}

/** `revenant grants run SYSTEM [--identity WHO]` */
export async function run(
  context: CommandContext,
  system: string,
  options: { json: boolean; identity?: string },
): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const { db } = runtime.store
    const identityId = await named('identity', options.identity, (name) => identityIdOf(db, name))
    const summary = await runtime.inventories.runNow(system, runtime.inventoryDeps, identityId)
    const { outcome, fault, people, complete, inconclusive, grants } = summary
    const why = fault === undefined ? '' : ` (${fault.replaceAll('_', ' ')})`
    const counts = `${people} looked at: ${complete} complete, ${inconclusive} inconclusive; ${grants} listed`
    const sentence =
      outcome === 'skipped'
        ? `${system}: nobody to look at, or it may not be asked now.`
        : `${system} ${outcome}${why}. ${counts}.`
    return done(context.io, options.json, { system, ...summary, fault: fault ?? null }, sentence)
  })
}

async function named(
  what: string,
  name: string | undefined,
  find: (name: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  if (name === undefined) return undefined
  const id = await find(name)
  if (id === undefined) throw new RevenantError('NOT_FOUND', `there is no ${what} ${JSON.stringify(name)}`)
  return id
}
