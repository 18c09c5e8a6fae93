import { LEFT_OPEN, leavesOpen } from '../alerts/sinks/leaves-open.ts'
import { ConfigError } from '../config/fault.ts'
import { loadFrameworks } from '../config/frameworks.ts'
import { type CommandContext, configOf } from './context.ts'
import { counted, EXIT, json, line } from './io.ts'

/** `revenant config check`: says every fault of the file, with its line, and what is valid but seldom meant. Exit 2 when there is a fault. */
export async function check(context: CommandContext, options: { json: boolean }): Promise<number> {
  const { io, configPath: file } = context
  try {
    const { systems, alerts, frameworks } = await configOf(context)
    await loadFrameworks(frameworks)
    const warnings = alerts.flatMap((sink, index) =>
      leavesOpen(sink) ? [{ path: `alerts[${index}].events`, message: `${LEFT_OPEN.detail}; ${LEFT_OPEN.mend}` }] : [],
    )
    if (options.json)
      json(io, { file, ok: true, systems: systems.length, sinks: alerts.length, ...(warnings.length === 0 ? {} : { warnings }) })
    else {
      line(io, `${file}: no faults. ${counted(systems.length, 'system')}, ${counted(alerts.length, 'receiver')} of alerts.`)
      for (const { path, message } of warnings) line(io, `  warning: ${path}: ${message}`)
    }
    return EXIT.ok
  } catch (error) {
    if (!options.json || !(error instanceof ConfigError)) throw error
    json(io, { file, ok: false, faults: error.faults })
    return EXIT.input
  }
}
