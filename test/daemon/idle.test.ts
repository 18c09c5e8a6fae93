import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { openIdleCollector } from '../../src/daemon/idle.ts'

describe('openIdleCollector', () => {
  it('collects twice after work has ended, and then rests until there was work again', async () => {
    let collections = 0
    const minute = openIdleCollector(() => {
      collections++
    })
    const work = (ms: number) => {
      const until = performance.now() + ms
      while (performance.now() < until);
    }
    const turn = async (busyMs: number, idleMs: number) => {
      await sleep(1)
      work(busyMs)
      await sleep(idleMs)
      minute()
      return collections
    }
    expect(await turn(100, 20), 'while there is work nothing is collected').toBe(0)
    expect(await turn(0, 300)).toBe(1)
    expect(await turn(0, 300)).toBe(2)
    expect(await turn(0, 300), 'twice is enough').toBe(2)
    expect(await turn(100, 20)).toBe(2)
    expect(await turn(0, 300)).toBe(3)
  })

  it('does nothing where Node.js exposes no collector', () => {
    expect(openIdleCollector(undefined)).not.toThrow()
  })
})
