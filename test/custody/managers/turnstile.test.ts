import { describe, expect, it } from 'vitest'
import { ManagerError } from '../../../src/custody/managers/manager.ts'
import { openTurnstile } from '../../../src/custody/managers/turnstile.ts'

describe('the turnstile before a manager', () => {
  it('lets so many through at a time, and all of them in the end', async () => {
    const turn = openTurnstile({ places: 3 })
    let inside = 0
    let most = 0
    const calls = Array.from({ length: 20 }, (_, n) =>
      turn(async () => {
        most = Math.max(most, ++inside)
        await new Promise((resolve) => setImmediate(resolve))
        inside--
        if (n % 4 === 0) throw new ManagerError('missing', 'none')
        return n
      }).catch(() => -1),
    )
    expect((await Promise.all(calls)).filter((n) => n >= 0)).toHaveLength(15)
    expect(most).toBe(3)
  })

  it('ends what takes too long, and tells it', async () => {
    const turn = openTurnstile({ timeoutMs: 20 })
    let told = false
    const call = turn((signal) => {
      signal.addEventListener('abort', () => {
        told = true
      })
      return new Promise(() => {})
    })
    await expect(call).rejects.toMatchObject({ fault: 'unreachable', message: 'did not answer within 0.02 s' })
    expect(told).toBe(true)
  })

  it('leaves a manager alone that cannot be reached, for a while, and only then', async () => {
    let now = 0
    let calls = 0
    const turn = openTurnstile({ downAfter: 3, downForMs: 5_000, clock: () => now })
    const fail = (fault: 'unreachable' | 'refused') => () => {
      calls++
      return Promise.reject(new ManagerError(fault, 'failed'))
    }
    for (let n = 0; n < 10; n++) await expect(turn(fail('refused'))).rejects.toThrow('failed')
    expect(calls).toBe(10)
    for (let n = 0; n < 10; n++) await expect(turn(fail('unreachable'))).rejects.toMatchObject({ fault: 'unreachable' })
    expect(calls).toBe(13)
    now = 5_000
    expect(await turn(async () => 'well again')).toBe('well again')
    for (let n = 0; n < 2; n++) await expect(turn(fail('unreachable'))).rejects.toThrow('failed')
    expect(await turn(async () => 'still asked')).toBe('still asked')
  })
})
