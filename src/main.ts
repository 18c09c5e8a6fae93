import { processIo } from './commands/process-io.ts'
import { runCommand } from './commands/program.ts'

const { io, release } = processIo()
const exit = await runCommand({
  argv: process.argv.slice(2),
  configPath: process.env.REVENANT_CONFIG || 'config/revenant.yaml',
  io,
})
release()
process.exitCode = exit
