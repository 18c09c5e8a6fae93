import { ConfigError } from '../config/fault.ts'
import { loadFrameworks } from '../config/frameworks.ts'
import { type CommandContext, configOf } from './context.ts'
import { counted, EXIT, json, line } from './io.ts'

/** `revenant config check`: says every fault of the file, with its line. Exit 2 when there is one. */
export async function check(context: CommandContext, options: { json: boolean }): Promise<number> {
  const { io, configPath: file } = context
  try {
    const { systems, alerts, frameworks } = await configOf(context)
    await loadFrameworks(frameworks)
    if (options.json) json(io, { file, ok: true, systems: systems.length, sinks: alerts.length })
    else line(io, `${file}: no faults. ${counted(systems.length, 'system')}, ${counted(alerts.length, 'receiver')} of alerts.`)
    return EXIT.ok
  } catch (error) {
    if (!options.json || !(error instanceof ConfigError)) throw error
    json(io, { file, ok: false, faults: error.faults })
    return EXIT.input
  }
}
