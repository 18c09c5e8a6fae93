import { ZodError, z } from 'zod'
import { INVENTORY_KINDS, loadInventory } from '../../probes/inventories.ts'
import { loadProbe, PROBE_KINDS } from '../../probes/registry.ts'
import { GROUP_FORMATS, HEARTBEAT_FORMATS } from '../alerts/formats/format.ts'
import { SINKS, type SinkEntry, sinkEntry } from '../alerts/sinks/registry.ts'
import type { SinkConfig } from '../config/config.ts'
import { explain, type Problem } from '../config/explain.ts'
import type { ConfigChecks } from '../config/rules.ts'
import { sinkSchema } from '../config/sink-schema.ts'
import { sourceSchema } from '../config/source-schema.ts'
import { RevenantError, toError } from '../domain/error.ts'
import { SOURCES } from '../intake/sources/registry.ts'
import type { BoundProbe } from '../probe/probe.ts'

/** What the configuration's rules must know of probes and sinks, whose folders they may not import. */
export const CONFIG_CHECKS: ConfigChecks = {
  probeKinds: PROBE_KINDS,
  checkTarget: async (kind, target, allowEffects) => {
    const probe = await loadProbe(kind)
    return problemsOf(target, probe.targetSchema, async () => {
      const fault = effectFault(kind, probe.bind(target), allowEffects)
      if (fault !== undefined) throw new RevenantError('CONFIG_INVALID', fault)
    })
  },
  checkInventory: async ({ kind, target, by, without, credential }) => {
    if (!INVENTORY_KINDS.includes(kind))
      return [{ path: ['kind'], message: `is no inventory of this build: there are ${INVENTORY_KINDS.join(', ')}` }]
    const inventory = await loadInventory(kind)
    const unknown = without.flatMap((list, at) =>
      inventory.lists.includes(list)
        ? []
        : [{ path: ['without', at], message: `is no list of ${kind}: there are ${inventory.lists.join(', ')}` }],
    )
    const names = typeof credential === 'string' ? [] : Object.keys(credential)
    const fields = names
      .filter((name) => !inventory.secretFields.includes(name))
      .map(() => ({
        path: ['credential'],
        message: `has a field that ${kind} does not know: it takes ${inventory.secretFields.join(', ')}`,
      }))
    const wrong = await problemsOf(target, inventory.targetSchema, async () => {
      inventory.targetSchema.parse(target)
    })
    return [
      ...(by === undefined || inventory.by.includes(by)
        ? []
        : [{ path: ['by'], message: `${kind} looks for people by ${inventory.by.join(' or ')}` }]),
      ...unknown,
      ...fields,
      ...wrong.map((problem) => ({ ...problem, path: ['target', ...problem.path] })),
    ]
  },
  checkSink: async (sink) => {
    const entry = entryOf(sink)
    const problems = await problemsOf(entry, sinkEntry, async () => sinkEntry.parse(entry), ownSchemaOf(sink))
    return problems.length > 0 ? problems : shapeProblems(sink, sinkEntry.parse(entry))
  },
  checkSource: async ({ source, options }) => {
    const { schema } = SOURCES[source]
    return problemsOf(options, schema, async () => schema.parse(options), z.union([schema, sourceSchema]))
  },
}

/** The keys that an entry of this sink may have: its own, and those of every route. */
function ownSchemaOf({ sink }: SinkConfig): z.ZodType | undefined {
  const own = Object.entries(SINKS).find(([kind]) => kind === sink)?.[1].schema
  return own === undefined ? undefined : z.union([own, sinkSchema])
}

/** What a replay of this probe would change that the system does not allow; undefined where nothing is. */
export function effectFault(kind: string, { effects }: BoundProbe, allowEffects: readonly string[]): string | undefined {
  const forbidden = effects.filter((effect) => effect !== 'prolongs-life' && !allowEffects.includes(effect))
  if (forbidden.length === 0) return undefined
  const list = forbidden.join(', ')
  return `a replay of probe ${kind} ${list}: allow it with allowEffects: [${list}] or leave the system out`
}

/** What a route asks of its format: not every one has a shape for many alerts or for a sign of life. */
function shapeProblems(route: SinkConfig, { sink, format }: SinkEntry): readonly Problem[] {
  const fits = (shapes: object) => Object.keys(shapes).join(', ')
  const { alone } = SINKS[sink]
  const cannot = (key: 'group' | 'storm', asked: boolean): Problem[] =>
    asked && (alone || GROUP_FORMATS[format] === undefined)
      ? [
          {
            path: [key],
            message: alone
              ? `the sink ${sink} opens and closes one thing for each finding and cannot hold many alerts in one`
              : `the format ${format} cannot hold many alerts in one message; ${fits(GROUP_FORMATS)} can`,
          },
        ]
      : []
  return [
    ...cannot('group', route.group !== undefined),
    ...cannot('storm', route.storm !== undefined),
    ...(route.heartbeatMs !== undefined && (alone || HEARTBEAT_FORMATS[format] === undefined)
      ? [{ path: ['heartbeat'], message: `the sink ${sink} with format ${format} has no sign of life` }]
      : []),
  ]
}

/** The sink's entry as its own schema wants it: the common keys and its own on one level. */
export function entryOf({ options, ...common }: SinkConfig): Record<string, unknown> {
  const { name, sink, format, to, secret, minSeverity } = common
  return {
    name,
    sink,
    ...(format === undefined ? {} : { format }),
    ...(to === undefined ? {} : { to }),
    ...(secret === undefined ? {} : { secret }),
    minSeverity,
    ...options,
  }
}

/**
 * @param value what is checked, to tell missing from wrong
 * @param schema whose keys a misspelt one may have meant
 * @param branch of a union the part that the value is meant for
 */
async function problemsOf(
  value: unknown,
  schema: z.ZodType,
  check: () => Promise<unknown>,
  branch: z.ZodType = schema,
): Promise<readonly Problem[]> {
  const asJson = (of: z.ZodType) => z.toJSONSchema(of, { io: 'input', unrepresentable: 'any' })
  try {
    await check()
    return []
  } catch (error) {
    if (error instanceof ZodError) return explain(error.issues, value, asJson(schema), asJson(branch))
    if (error instanceof RevenantError) return [{ path: [], message: error.message }]
    throw toError(error)
  }
}
