import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// Compiled code is kept beside the packages, whose owner alone can write there: a start takes half the time, and the stripper of types
// and its 10 MB are not loaded. Where the folder cannot be written (a read-only image) everything works without.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/revenant', import.meta.url)))

const { processIo } = await import('./commands/process-io.ts')
const { runCommand } = await import('./commands/program.ts')

const { io, release } = processIo()
const exit = await runCommand({
  argv: process.argv.slice(2),
  configPath: process.env.REVENANT_CONFIG || 'config/revenant.yaml',
  io,
})
release()
process.exitCode = exit
