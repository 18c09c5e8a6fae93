import { startLab } from '../../src/lab/lab.ts'

// Starts a lab in the folder of the first argument, says so, and ends as the second argument says once it is told to.
const [, , folder = '', how = ''] = process.argv
const lab = await startLab(folder)
process.once('SIGTERM', async () => {
  if (how === 'stop') await lab.stop()
  process.exit(0)
})
process.stdout.write(`${JSON.stringify({ uid: process.getuid?.(), missing: lab.missing, systems: lab.systems })}\n`)
