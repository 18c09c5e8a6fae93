import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import { type Cell, type Numbers, reading } from './instrument.ts'

/** What the operating system and the engine say of this process, read when asked: no timer runs for it. */
export function processInstruments(): readonly Numbers[] {
  let before: EventLoopUtilization | undefined
  return [
    reading({ kind: 'counter', name: 'process.cpu.time', unit: 's', description: 'CPU seconds used.' }, () => {
      const { user, system } = process.cpuUsage()
      return [cell(user / 1e6, { 'cpu.mode': 'user' }), cell(system / 1e6, { 'cpu.mode': 'system' })]
    }),
    reading({ kind: 'up-down', name: 'process.memory.usage', unit: 'By', description: 'Resident memory.' }, () => [
      cell(process.memoryUsage.rss()),
    ]),
    reading({ kind: 'gauge', name: 'process.uptime', unit: 's', description: 'Seconds since the start.' }, () => [
      cell(process.uptime()),
    ]),
    reading(
      {
        kind: 'gauge',
        name: 'nodejs.eventloop.utilization',
        unit: '1',
        description: 'Share of time busy since the last reading.',
      },
      () => {
        const now = performance.eventLoopUtilization()
        const { utilization } = before === undefined ? now : performance.eventLoopUtilization(now, before)
        before = now
        return [cell(Number.isFinite(utilization) ? utilization : 0)]
      },
    ),
  ]
}

function cell(value: number, labels: Record<string, string> = {}): Cell {
  return { labels, value }
}
