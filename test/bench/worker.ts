import { benchConfig, openBench, sweep } from './pipeline.ts'
import { seed } from './seed.ts'
import { type BenchTask, benchTask, type SweepResult } from './task.ts'

/**
 * The daemon of a benchmark, in a process of its own, so that its memory and its processor time are its own. What it is to do comes
 * as one message; what came of it goes back as one.
 */

async function run(given: BenchTask): Promise<SweepResult | Record<string, never>> {
  const { folder, databaseUrl, origin, concurrency, count, liveOneIn } = given
  const runtime = await openBench(await benchConfig({ folder, databaseUrl, origin, concurrency }))
  try {
    const system = runtime.systems.byName('bench')
    if (system === undefined) throw new Error('the system is missing')
    if (given.do === 'seed') {
      const of = { systemId: system.row.id, origin: system.probe.origin, custody: runtime.custody }
      await seed(runtime.store.db, { ...of, count, liveOneIn, dueAt: runtime.now() })
      return {}
    }
    await runtime.work()
    const cpu = process.cpuUsage()
    let early = 0
    const perSecond = await sweep(runtime, count, (done) => {
      if (early === 0 && done >= count / 10) early = mebibytes()
    })
    const used = process.cpuUsage(cpu)
    return {
      perSecond,
      cpuMicros: (used.user + used.system) / count,
      residentEarly: early,
      residentLate: mebibytes(),
      residentPeak: Math.round(process.resourceUsage().maxRSS / 1024),
    }
  } finally {
    await runtime.close()
  }
}

function mebibytes(): number {
  return Math.round(process.memoryUsage().rss / 2 ** 20)
}

process.once('message', (given) => {
  run(benchTask.parse(given)).then(
    (result) => process.send?.(result, () => process.exit(0)),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
