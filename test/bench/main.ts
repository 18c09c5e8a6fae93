import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { z } from 'zod'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { bareLoop } from './bare.ts'
import { benchConfig, openBench } from './pipeline.ts'
import { seed } from './seed.ts'
import { serverCpu } from './server-cpu.ts'
import { type BenchTask, sweepResult } from './task.ts'

/**
 * `npm run bench`: the whole pipeline (open secret, replay, classify, record, findings, leaf) against a bare undici loop at the same
 * concurrency in the same run, the daemon in a process of its own; what a tick costs with a million credentials and none due.
 *
 *   npm run bench -- --credentials 50000 --rounds 3 --database postgres|pglite --part replay|tick
 *     --concurrency 4 (what a system has when its configuration says nothing) --server-ms 1 (a lookup of the token) --live-one-in 1000
 */
const { values } = parseArgs({
  options: {
    credentials: { type: 'string', default: '50000' },
    concurrency: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    database: { type: 'string', default: 'postgres' },
    part: { type: 'string', default: 'replay' },
    'live-one-in': { type: 'string', default: '1000' },
    'server-ms': { type: 'string', default: '1' },
  },
})
const count = Number(values.credentials)
const concurrency = Number(values.concurrency)
const rounds = Number(values.rounds)

const folder = mkdtempSync(join(tmpdir(), 'revenant-bench-'))
const closers: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })]
process.once('SIGINT', () => void finish().then(() => process.exit(130)))
try {
  console.log(
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, database ${values.database}`,
  )
  if (values.part === 'tick') await tickPart()
  else await replayPart()
} finally {
  await finish()
}

async function replayPart(): Promise<void> {
  const origin = await startServer()
  const server = await database()
  const cpuOf = async () => (server === undefined ? undefined : serverCpu((sql) => server.query(sql)))
  await bareLoop(origin, 20_000, concurrency)
  const ratios: number[] = []
  for (let round = 0; round < rounds; round++) {
    const of = { folder, databaseUrl: server?.url(), origin, concurrency, count, liveOneIn: Number(values['live-one-in']) }
    await work({ ...of, do: 'seed' })
    const yardstickCount = Math.min(count, 100_000)
    const bare = await bareLoop(origin, yardstickCount, concurrency)
    const before = await cpuOf()
    const whole = sweepResult.parse(await work({ ...of, do: 'sweep' }))
    const after = await cpuOf()
    const postgres = before === undefined || after === undefined ? '' : `, Postgres ${((after - before) / count).toFixed(1)}`
    const bareAgain = await bareLoop(origin, yardstickCount, concurrency)
    const yardstick = (bare + bareAgain) / 2
    ratios.push(whole.perSecond / yardstick)
    console.log(
      [
        `round ${round + 1}: bare ${bare.toFixed(0)}/s before, ${bareAgain.toFixed(0)}/s after`,
        `pipeline ${whole.perSecond.toFixed(0)}/s`,
        `ratio ${(whole.perSecond / yardstick).toFixed(3)}`,
        `daemon ${whole.cpuMicros.toFixed(1)} us of processor time a credential${postgres}`,
        `daemon resident ${whole.residentEarly} MiB at a tenth, ${whole.residentLate} at the end, peak ${whole.residentPeak}`,
      ].join('; '),
    )
  }
  const sorted = ratios.toSorted((a, b) => a - b)
  console.log(
    `ratio: min ${sorted[0]?.toFixed(3)}, median ${sorted[Math.floor(sorted.length / 2)]?.toFixed(3)}, max ${sorted.at(-1)?.toFixed(3)}`,
  )
}

/** One task for a daemon's process. */
async function work(task: BenchTask): Promise<unknown> {
  const child = fork(new URL('./worker.ts', import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  closers.push(() => void child.kill())
  child.send(task)
  const result = await Promise.race([
    once(child, 'message').then(([message]: unknown[]) => message),
    once(child, 'exit').then(([code]: unknown[]) => Promise.reject(new Error(`the daemon's process ended with ${String(code)}`))),
  ])
  await once(child, 'exit')
  return result
}

async function tickPart(): Promise<void> {
  const runtime = await openBench(
    await benchConfig({ folder, databaseUrl: (await database())?.url(), origin: 'http://127.0.0.1:9', concurrency }),
  )
  closers.push(() => runtime.close())
  const system = runtime.systems.byName('bench')
  if (system === undefined) throw new Error('the system is missing')
  const started = performance.now()
  await seed(runtime.store.db, {
    systemId: system.row.id,
    origin: system.probe.origin,
    count,
    liveOneIn: 0,
    dueAt: runtime.now().add({ hours: 240 }),
  })
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from check_state where due_at is not null`.execute(
    runtime.store.db,
  )
  console.log(`seeded ${rows[0]?.n} credentials, none due, in ${((performance.now() - started) / 1000).toFixed(0)} s`)
  await runtime.tick()
  const times: number[] = []
  for (let n = 0; n < 100; n++) {
    const at = performance.now()
    await runtime.tick()
    times.push(performance.now() - at)
  }
  times.sort((a, b) => a - b)
  console.log(
    `tick: median ${times[50]?.toFixed(2)} ms, p95 ${times[95]?.toFixed(2)} ms, max ${times.at(-1)?.toFixed(2)} ms; resident ${mebibytes()} MiB`,
  )
}

async function database(): Promise<PostgresServer | undefined> {
  if (values.database === 'pglite') return undefined
  // As a careful operator would run it: durable commits, a decent cache.
  const server = await startPostgres({
    settings: { fsync: 'on', synchronous_commit: 'on', shared_buffers: '512MB', max_wal_size: '4GB' },
  })
  closers.push(() => server.stop())
  return server
}

async function startServer(): Promise<string> {
  const child: ChildProcess = fork(new URL('./server.ts', import.meta.url), [values['server-ms']], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  closers.push(() => void child.kill())
  const address = await new Promise<unknown>((resolve) => child.once('message', resolve))
  return `http://127.0.0.1:${z.object({ port: z.number() }).parse(address).port}`
}

function mebibytes(): number {
  return Math.round(process.memoryUsage().rss / 2 ** 20)
}

async function finish(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close()
}
