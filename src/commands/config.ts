import { bindSystem } from '../daemon/systems.ts'
import { type CommandContext, configOf } from './context.ts'
import { EXIT, json, line } from './io.ts'

/** `revenant config check`: says every fault of the file, with its line. Exit 2 when there is one. */
export async function check(context: CommandContext, options: { json: boolean }): Promise<number> {
  const config = await configOf(context)
  for (const system of config.systems) await bindSystem(system)
  const { io } = context
  if (options.json) json(io, { file: context.configPath, ok: true, systems: config.systems.length, sinks: config.alerts.length })
  else
    line(io, `${context.configPath}: no faults. ${config.systems.length} systems, ${config.alerts.length} receivers of alerts.`)
  return EXIT.ok
}
