import { LEFT_OPEN, leavesOpen } from '../alerts/sinks/leaves-open.ts'
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/fault.ts'
import { loadFrameworks } from '../config/frameworks.ts'
import { type CommandContext, configOf } from './context.ts'
import { counted, EXIT, json, line } from './io.ts'

/** `revenant config check`: says every fault of the file, with its line, and what is valid but seldom meant. Exit 2 when there is a fault. */
export async function check(context: CommandContext, options: { json: boolean }): Promise<number> {
  const { io, configPath: file } = context
  try {
    const config = await configOf(context)
    const { alerts, frameworks } = config
    await loadFrameworks(frameworks)
    const warnings = alerts.flatMap((sink, index) =>
      leavesOpen(sink) ? [{ path: `alerts[${index}].events`, message: `${LEFT_OPEN.detail}; ${LEFT_OPEN.mend}` }] : [],
    )
    if (options.json) json(io, { file, ok: true, ...countsOf(config), ...(warnings.length === 0 ? {} : { warnings }) })
    else {
      line(io, `${file}: no faults. ${contentsOf(countsOf(config))}.`)
      for (const { path, message } of warnings) line(io, `  warning: ${path}: ${message}`)
    }
    return EXIT.ok
  } catch (error) {
    if (!options.json || !(error instanceof ConfigError)) throw error
    json(io, { file, ok: false, faults: error.faults })
    return EXIT.input
  }
}

interface Counts {
  systems: number
  sources: number
  sinks: number
  secretManagers: number
}

function countsOf({ systems, sources, alerts, secretManagers }: Config): Counts {
  return { systems: systems.length, sources: sources.length, sinks: alerts.length, secretManagers: secretManagers.length }
}

/** What the file has, in a few words; what it has none of is left out. */
function contentsOf({ systems, sources, sinks, secretManagers }: Counts): string {
  const parts = [
    systems === 0 ? [] : counted(systems, 'system'),
    sources === 0 ? [] : counted(sources, 'source of leavers', 'sources of leavers'),
    sinks === 0 ? [] : counted(sinks, 'receiver of alerts', 'receivers of alerts'),
    secretManagers === 0 ? [] : counted(secretManagers, 'secret manager'),
  ].flat()
  return parts.length === 0 ? 'No systems, no sources and no receivers of alerts yet' : parts.join(', ')
}
