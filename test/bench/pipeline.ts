import { sql } from 'kysely'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/load.ts'
import { CONFIG_CHECKS } from '../../src/daemon/checks.ts'
import { openRuntime, type Runtime } from '../../src/daemon/runtime.ts'
import { countDue } from '../../src/store/due.ts'
import { startTelemetry } from '../../src/telemetry/start.ts'

/** The configuration of a benchmark: one bearer API, no pauses between attempts but its concurrency. */
export async function benchConfig(options: {
  folder: string
  databaseUrl: string | undefined
  origin: string
  concurrency: number
}): Promise<Config> {
  const text = JSON.stringify({
    database: { dataDir: options.folder, ...(options.databaseUrl === undefined ? {} : { url: 'env:REVENANT_BENCH_DATABASE' }) },
    listen: '127.0.0.1:0',
    keyRing: `${options.folder}/keyring.json`,
    scan: { trialBudget: '1h' },
    telemetry: { logLevel: 'error' },
    systems: [
      {
        name: 'bench',
        probe: 'http',
        target: {
          url: `${options.origin}/user`,
          tls: 'disable',
          credential: 'bearer',
          accept: [{ when: { status: 200, json: { '/login': { type: 'string' } } } }],
          principal: '/login',
        },
        limits: { concurrency: options.concurrency, rate: '1000000/s' },
      },
    ],
    alerts: [],
  })
  if (options.databaseUrl !== undefined) process.env.REVENANT_BENCH_DATABASE = options.databaseUrl
  return parseConfig(text, 'bench.yaml', CONFIG_CHECKS)
}

export async function openBench(config: Config): Promise<Runtime> {
  const telemetry = await startTelemetry({ version: 'bench', instance: 'bench', logLevel: 'error', env: {}, logTo: 'stderr' })
  return openRuntime(config, telemetry)
}

/**
 * Runs the daemon's own way (tick, job, trial) until everything is recorded; answers credentials per second. `onProgress` hears now
 * and then how many are judged, as the database has them.
 */
export async function sweep(runtime: Runtime, count: number, onProgress: (done: number) => void): Promise<number> {
  const before = await recorded(runtime)
  const started = performance.now()
  await runtime.tick()
  let looked = started
  while ((await recorded(runtime)) - before < count) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    if (performance.now() - looked < 1_000) continue
    looked = performance.now()
    onProgress(count - (await countDue(runtime.store.db, runtime.now())))
  }
  onProgress(count)
  return count / ((performance.now() - started) / 1000)
}

/** Planner's statistics would lag; the trial's own counters are exact, and cheap to ask for. */
async function recorded(runtime: Runtime): Promise<number> {
  const { rows } = await sql<{
    n: number
  }>`select coalesce(sum(accepted + rejected + inconclusive), 0)::int as n from trial where finished_at is not null`.execute(
    runtime.store.db,
  )
  return rows[0]?.n ?? 0
}
