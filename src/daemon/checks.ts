import { ZodError } from 'zod'
import { loadProbe, PROBE_KINDS } from '../../probes/registry.ts'
import { sinkEntry } from '../alerts/sinks/registry.ts'
import type { SinkConfig } from '../config/config.ts'
import type { ConfigChecks } from '../config/rules.ts'
import { RevenantError, toError } from '../domain/error.ts'
import type { BoundProbe } from '../probe/probe.ts'

/** What the configuration's rules must know of probes and sinks, whose folders they may not import. */
export const CONFIG_CHECKS: ConfigChecks = {
  probeKinds: PROBE_KINDS,
  checkTarget: async (kind, target, allowEffects) =>
    problemsOf(async () => {
      const fault = effectFault(kind, (await loadProbe(kind)).bind(target), allowEffects)
      if (fault !== undefined) throw new RevenantError('CONFIG_INVALID', fault)
    }),
  checkSink: async (sink) => problemsOf(async () => sinkEntry.parse(entryOf(sink))),
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

async function problemsOf(check: () => Promise<unknown>) {
  try {
    await check()
    return []
  } catch (error) {
    if (error instanceof ZodError)
      return error.issues.flatMap((issue) => {
        const path = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))
        // Zod quotes unknown keys, and a slip can make a key of a secret: the file's own spelling of paths does not.
        if (issue.code === 'unrecognized_keys')
          return issue.keys.map((key) => ({ path: [...path, key], message: 'is not a key here', at: 'key' as const }))
        return [{ path, message: issue.message }]
      })
    if (error instanceof RevenantError) return [{ path: [], message: error.message }]
    throw toError(error)
  }
}
