import { ZodError, z } from 'zod'
import { loadProbe, PROBE_KINDS } from '../../probes/registry.ts'
import { sinkEntry } from '../alerts/sinks/registry.ts'
import type { SinkConfig } from '../config/config.ts'
import { explain, type Problem } from '../config/explain.ts'
import type { ConfigChecks } from '../config/rules.ts'
import { RevenantError, toError } from '../domain/error.ts'
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
  checkSink: async (sink) => {
    const entry = entryOf(sink)
    return problemsOf(entry, sinkEntry, async () => sinkEntry.parse(entry))
  },
}

/** What a replay of this probe would change that the system does not allow; undefined where nothing is. */
export function effectFault(kind: string, { effects }: BoundProbe, allowEffects: readonly string[]): string | undefined {
  const forbidden = effects.filter((effect) => effect !== 'prolongs-life' && !allowEffects.includes(effect))
  if (forbidden.length === 0) return undefined
  const list = forbidden.join(', ')
  return `a replay of probe ${kind} ${list}: allow it with allowEffects: [${list}] or leave the system out`
}

/** The sink's entry as its own schema wants it: the common keys and its own on one level. */
export function entryOf({ options, ...common }: SinkConfig): Record<string, unknown> {
  const { kinds: _kinds, ...rest } = common
  return { ...rest, ...options }
}

/**
 * @param value what is checked, to tell missing from wrong
 * @param schema whose keys a misspelt one may have meant
 */
async function problemsOf(value: unknown, schema: z.ZodType, check: () => Promise<unknown>): Promise<readonly Problem[]> {
  try {
    await check()
    return []
  } catch (error) {
    if (error instanceof ZodError)
      return explain(error.issues, value, z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }))
    if (error instanceof RevenantError) return [{ path: [], message: error.message }]
    throw toError(error)
  }
}
