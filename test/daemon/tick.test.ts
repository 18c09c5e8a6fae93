import cron from 'node-cron'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { tickExpression } from '../../src/daemon.ts'
import { checks } from '../config/checks.ts'

const TICKS = ['1s', '2s', '3s', '4s', '5s', '6s', '10s', '12s', '15s', '20s', '30s']
const LONGER = ['1m', '2m', '3m', '4m', '5m', '6m', '10m', '12m', '15m', '20m', '30m', '1h']

describe('tickExpression', () => {
  it.each([...TICKS, ...LONGER])('comes round every %s, over the minute and the hour', async (tick) => {
    const { tickMs } = (await parseConfig(`scan: { tick: ${tick} }`, 'f.yaml', checks)).scan
    const task = cron.createTask(tickExpression(tickMs), () => {})
    const runs = task.getNextRuns(70).map((at) => at.getTime())
    await task.destroy()
    const gaps = new Set(runs.slice(1).map((at, index) => at - (runs[index] ?? 0)))
    expect([...gaps]).toEqual([tickMs])
  })
})
