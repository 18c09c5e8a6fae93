// Run by `npm ci`: loads what the daemon loads, so that its first start finds the code compiled (see src/compile-cache.mjs). Whatever is
// in the way, the installation goes on: without it everything works, a little slower.
import * as modules from 'node:module'
import '../src/compile-cache.mjs'

const WARM = ['../src/commands/process-io.ts', '../src/commands/program.ts', '../src/commands/run.ts', '../src/daemon.ts']

async function warm() {
  for (const file of WARM) await import(file)
  await import('@electric-sql/pglite')
  modules.flushCompileCache()
}

// An old Node.js knows neither the cache nor TypeScript.
if (Number(process.versions.node.split('.')[0]) >= 24) await warm().catch(() => {})
