import { rebindSystem } from '../custody/rebind-system.ts'
import type { Runtime } from '../daemon/runtime.ts'
import { RevenantError } from '../domain/error.ts'
import { EVERYTHING, type PauseDeps, type PauseScope, pauseScope, resumeScope } from '../scan/pausing.ts'
import { listPauses } from '../store/pause.ts'
import { findSystemByName, listSystems, type SystemRow } from '../store/system.ts'
import { type CommandContext, operator, withRuntime } from './context.ts'
import { done, EXIT, json, line } from './io.ts'
import { ago, table } from './table.ts'

/** `revenant systems list` */
export async function list(context: CommandContext, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const { db } = runtime.store
    const rows = await listSystems(db)
    const paused = new Set((await listPauses(db)).map((row) => row.scope))
    const { io } = context
    if (options.json) {
      for (const row of rows) json(io, { ...row, paused: paused.has('*') || paused.has(row.id) })
      return EXIT.ok
    }
    if (rows.length === 0) line(io, `No systems yet: add one to ${context.configPath}.`)
    else {
      const now = runtime.now()
      io.out(
        table(
          io,
          ['NAME', 'PROBE', 'TIER', 'ZONE', 'STATE', 'CONTROLS', 'ORIGIN'],
          rows.map((row) => [
            row.name,
            row.probe,
            row.tier,
            row.zone,
            stateOf(row, paused, now),
            controlsOf(row, now),
            row.origin,
          ]),
        ),
      )
    }
    if (paused.has('*')) line(io, '\nEverything is paused: `revenant resume --all` goes on.')
    return EXIT.ok
  })
}

/** `revenant systems rebind NAME` */
export async function rebind(context: CommandContext, name: string, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const row = await rowOf(runtime, name)
    const { io } = context
    const rebound = await rebindSystem(row, { ...actDeps(runtime), custody: runtime.custody })
    if (rebound === undefined)
      return done(io, options.json, { system: name, changed: false }, `${name} is bound to ${row.origin} already.`)
    const { from, to, ...report } = rebound
    return done(
      io,
      options.json,
      { system: name, changed: true, from, to, ...report },
      `${name}: secrets that were registered for ${from} now open for ${to} (${JSON.stringify(report)}). Its controls run anew before anything is replayed.`,
    )
  })
}

/** `revenant pause [SYSTEM]` */
export async function pause(
  context: CommandContext,
  name: string | undefined,
  options: { all: boolean; note: string; json: boolean },
): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const scope = await scopeOf(runtime, name, options.all)
    const changed = await pauseScope(scope, options.note, actDeps(runtime))
    return done(
      context.io,
      options.json,
      { paused: scope.name, changed },
      changed
        ? `Paused ${scope.name}: no new replay starts; what is running ends within its timeout.`
        : `${scope.name} was paused already.`,
    )
  })
}

/** `revenant resume [SYSTEM]` */
export async function resume(
  context: CommandContext,
  name: string | undefined,
  options: { all: boolean; json: boolean },
): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const scope = await scopeOf(runtime, name, options.all)
    const changed = await resumeScope(scope, actDeps(runtime))
    if (changed) await runtime.tick()
    const sentence = changed ? `Resumed ${scope.name}.` : `${scope.name} was not paused.`
    return done(context.io, options.json, { resumed: scope.name, changed }, sentence)
  })
}

function actDeps({ store: { db }, now }: Runtime): PauseDeps {
  return { db, actor: operator(), now }
}

async function scopeOf(runtime: Runtime, name: string | undefined, all: boolean): Promise<PauseScope> {
  if (all === (name !== undefined)) throw new RevenantError('INPUT_INVALID', 'name one system, or say --all')
  if (name === undefined) return EVERYTHING
  return { id: (await rowOf(runtime, name)).id, name }
}

async function rowOf(runtime: Runtime, name: string): Promise<SystemRow> {
  const row = await findSystemByName(runtime.store.db, name)
  if (row === undefined) throw new RevenantError('NOT_FOUND', `there is no system "${name}": see \`revenant systems list\``)
  return row
}

function stateOf(row: SystemRow, paused: ReadonlySet<string>, now: Temporal.Instant): string {
  if (row.retired_at !== null) return 'retired'
  if (paused.has('*') || paused.has(row.id)) return 'paused'
  if (row.origin !== row.bound_origin) return 'origin changed: rebind'
  if (row.hold_until !== null && Temporal.Instant.compare(row.hold_until, now) > 0)
    return `held (${row.hold_reason ?? '-'}), again ${ago(now, row.hold_until)}`
  return 'active'
}

function controlsOf(row: SystemRow, now: Temporal.Instant): string {
  if (row.controls === null) return 'not passed yet'
  const names = row.controls.controls.map((each) => `${each.control} ${each.verdict}`).join(', ')
  return `${names} (${ago(now, Temporal.Instant.from(row.controls.at))})`
}
