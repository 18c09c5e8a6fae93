import { decideHeld, type HeldDecision } from '../intake/feed/decide.ts'
import { feedPage, statementPage } from '../store/feed-page.ts'
import { type CommandContext, operator, withRuntime } from './context.ts'
import { done, EXIT, json, line } from './io.ts'
import { ago, table } from './table.ts'

const MOST = 500

/** `revenant sources list` */
export async function list(context: CommandContext, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const rows = await feedPage(runtime.store.db, { sort: 'name', limit: MOST, after: undefined })
    const now = runtime.now()
    const { io } = context
    const told = rows.map(({ keys: _, ...row }) => {
      const silent = Temporal.Instant.compare(Temporal.Instant.from(row.silentAt), now) < 0
      const state = row.retired
        ? 'removed'
        : silent
          ? 'silent'
          : row.fault !== null
            ? 'failing'
            : row.heardAt === null
              ? 'waiting'
              : 'heard'
      return { ...row, state }
    })
    if (options.json) {
      for (const row of told) json(io, row)
      return EXIT.ok
    }
    if (told.length === 0) {
      line(io, `No sources yet: add one to \`sources\` in ${context.configPath}, or import files.`)
      return EXIT.ok
    }
    io.out(
      table(
        io,
        ['NAME', 'KIND', 'STATE', 'HEARD', 'HERE', 'GONE', 'HELD', 'FAULT'],
        told.map(({ name, kind, state, heardAt, present, gone, held, fault }) => {
          const heard = heardAt === null ? 'never' : ago(now, Temporal.Instant.from(heardAt))
          return [name, kind, state, heard, String(present), String(gone), String(held), fault ?? '']
        }),
      ),
    )
    if (told.some(({ held }) => held > 0)) line(io, '\n`revenant sources held` shows what waits for a decision.')
    return EXIT.ok
  })
}

/** `revenant sources pull NAME` */
export async function pull(context: CommandContext, name: string, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    await runtime.feeds.pullNow(name, runtime.feedDeps)
    return done(context.io, options.json, { asked: name }, `${name} answered, and what it said is taken.`)
  })
}

/** `revenant sources held [--source NAME]` */
export async function held(context: CommandContext, options: { json: boolean; source?: string }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const rows = await statementPage(
      runtime.store.db,
      { state: ['held'], source: options.source },
      { sort: '-at', limit: MOST, after: undefined },
    )
    const { io } = context
    if (options.json) {
      for (const { keys: _, ...row } of rows) json(io, row)
      return EXIT.ok
    }
    if (rows.length === 0) {
      line(io, 'Nothing waits for a decision.')
      return EXIT.ok
    }
    const now = runtime.now()
    io.out(
      table(
        io,
        ['ID', 'SOURCE', 'WHO', 'SAYS', 'WHY HELD', 'AGE', 'DELIVERY'],
        rows.map(({ id, source, identity, called, says, reason, at, deliveryId }) => {
          const who = identity?.externalId ?? called
          return [id, source.name, who, says, reason ?? '', ago(now, Temporal.Instant.from(at)), deliveryId.slice(-8)]
        }),
      ),
    )
    line(io, '\n`revenant sources apply ID...` takes them as they were said, `revenant sources dismiss ID...` as mistakes.')
    return EXIT.ok
  })
}

/** `revenant sources apply ID...` and `revenant sources dismiss ID...` */
export async function decide(
  context: CommandContext,
  ids: readonly string[],
  decision: HeldDecision,
  options: { json: boolean },
): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const deps = { ...runtime.feedDeps.intake(operator()), feed: (id: string) => runtime.feeds.byId(id)?.feed }
    const decided = await decideHeld(ids, decision, deps)
    if (decision.is === 'apply') await runtime.tick()
    const sentence = `${decided.length} ${decision.is === 'apply' ? 'applied' : 'dismissed'}.`
    return done(context.io, options.json, { [decision.is]: decided }, sentence)
  })
}
