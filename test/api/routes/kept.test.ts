import { describe, expect, it, vi } from 'vitest'
import type { ApiDeps } from '../../../src/api/deps.ts'
import { kept } from '../../../src/api/kept.ts'

/** Nothing of it is looked at: it only says who asks. */
const deps = () => ({}) as unknown as ApiDeps

describe('what is kept for a while', () => {
  it('is counted once for all who ask meanwhile, by what they ask for', async () => {
    const count = vi.fn(async (_: ApiDeps, days: number) => days)
    const ask = kept(60_000, count)
    const mine = deps()
    expect(await Promise.all([ask(mine, 7), ask(mine, 7), ask(mine, 30)])).toEqual([7, 7, 30])
    expect(await ask(mine, 7)).toBe(7)
    expect(count).toHaveBeenCalledTimes(2)
    await ask(deps(), 7)
    expect(count).toHaveBeenCalledTimes(3)
  })

  it('is counted again once its time is over', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const count = vi.fn(async () => 1)
      const ask = kept(3_000, count)
      const mine = deps()
      await ask(mine, 'all')
      vi.advanceTimersByTime(2_999)
      await ask(mine, 'all')
      expect(count).toHaveBeenCalledTimes(1)
      vi.advanceTimersByTime(1)
      await ask(mine, 'all')
      expect(count).toHaveBeenCalledTimes(2)
    } finally {
      vi.useRealTimers()
    }
  })

  it('is kept for longer where counting took long, so that it never takes more than a part of the time', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const count = vi.fn(async () => void vi.advanceTimersByTime(1_000))
      const ask = kept(3_000, count)
      const mine = deps()
      await ask(mine, 'all')
      vi.advanceTimersByTime(19_999)
      await ask(mine, 'all')
      expect(count).toHaveBeenCalledTimes(1)
    } finally {
      vi.useRealTimers()
    }
  })

  it('is not kept where counting failed', async () => {
    let failures = 1
    const ask = kept(60_000, async () => {
      if (failures-- > 0) throw new Error('no answer')
      return 5
    })
    const mine = deps()
    await expect(ask(mine, 'all')).rejects.toThrow('no answer')
    expect(await ask(mine, 'all')).toBe(5)
  })
})
