import { RevenantError } from '../domain/error.ts'
import { dismissFeedFaults } from '../intake/feed/dismiss-faults.ts'
import { feedNamed } from '../intake/feed/feed-named.ts'
import { feedFaults } from '../store/feed-fault.ts'
import { type CommandContext, operator, withRuntime } from './context.ts'
import { done, EXIT, json, line } from './io.ts'
import { ago, table } from './table.ts'

const MOST = 500
/** What is written for a key that cannot be told. */
const NO_KEY = '-'

/** `revenant sources faults [NAME]`, or `--source NAME` */
export async function faults(
  context: CommandContext,
  name: string | undefined,
  options: { json: boolean; source?: string },
): Promise<number> {
  const source = name ?? options.source
  if (options.source !== undefined && options.source !== source)
    throw new RevenantError('INPUT_INVALID', 'two sources are named: give NAME or --source')
  return withRuntime(context, async (runtime) => {
    const { db } = runtime.store
    if (source !== undefined) await feedNamed(db, source)
    const rows = await feedFaults(db, source, MOST)
    const { io } = context
    if (options.json) {
      for (const row of rows) json(io, row)
      return EXIT.ok
    }
    if (rows.length === 0) {
      line(io, 'Nothing that sources said could not be taken.')
      return EXIT.ok
    }
    const now = runtime.now()
    const since = (at: string) => ago(now, Temporal.Instant.from(at))
    io.out(
      table(
        io,
        ['SOURCE', 'KEY', 'WHO', 'TIMES', 'FIRST', 'LAST', 'FAULT'],
        rows.map(({ source: of, key, externalId, count, firstAt, lastAt, fault }) => {
          return [of.name, key ?? NO_KEY, externalId ?? '', String(count), since(firstAt), since(lastAt), fault]
        }),
      ),
    )
    if (rows.length === MOST) line(io, `\nThe last ${MOST} are shown; there may be more.`)
    line(
      io,
      '\nEach stands until the source says well whether they are here. `revenant sources dismiss-faults NAME KEY...` once you have seen to it.',
    )
    return EXIT.ok
  })
}

/** `revenant sources dismiss-faults NAME [KEY...]` */
export async function dismissFaults(
  context: CommandContext,
  name: string,
  keys: readonly string[],
  options: { json: boolean },
): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const of = keys.length === 0 ? undefined : keys.map((key) => (key === NO_KEY ? null : key))
    const dismissed = await dismissFeedFaults(name, of, runtime.feedDeps.intake(operator()))
    return done(context.io, options.json, { dismissed }, `${dismissed} dismissed.`)
  })
}
