import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRateLimiter, type RateLimit } from '../../src/scan/rate.ts'
import { takePlaces } from '../../src/store/rate.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addSystem } from '../store/checks.ts'
import { openTimeLine } from './time-line.ts'

const never = new AbortController().signal

/** The instants at which attempts start, each by the limiter of one of `processes`. */
async function starts(limit: RateLimit, arrivals: readonly { at: number; process: number }[], processes = 1): Promise<number[]> {
  const line = openTimeLine(limit)
  const limiters = Array.from({ length: processes }, line.open)
  const at: number[] = []
  for (const arrival of arrivals) {
    line.arrive(arrival.at)
    await limiters[arrival.process % processes]?.acquire(never)
    at.push(line.now())
  }
  return at
}

const alone = (arrivals: readonly number[]) => arrivals.map((at) => ({ at, process: 0 }))

describe('openRateLimiter', () => {
  const limits = fc.record({ count: fc.integer({ min: 1, max: 500 }), perMs: fc.constantFrom(1_000, 60_000, 86_400_000) })
  const gaps = fc.array(fc.tuple(fc.integer({ min: 0, max: 200 }), fc.nat(3)), { minLength: 1, maxLength: 120 })

  it('never lets more start in any window than the rate and one burst allow, whatever the number of processes', async () => {
    await fc.assert(
      fc.asyncProperty(limits, gaps, fc.integer({ min: 1, max: 4 }), async (limit, steps, processes) => {
        let at = 0
        const arrivals = steps.map(([gap, process]) => {
          at += gap
          return { at, process }
        })
        const started = await starts(limit, arrivals, processes)
        const burst = Math.max(1, Math.floor(limit.count / 10))
        const perToken = limit.perMs / limit.count
        for (let from = 0; from < started.length; from++) {
          for (let to = from; to < started.length; to++) {
            const windowMs = (started[to] ?? 0) - (started[from] ?? 0)
            // Half a place: what may be taken a moment after its time.
            expect(to - from + 1).toBeLessThanOrEqual(burst + 0.5 + windowMs / perToken + 1e-6)
          }
        }
      }),
      { numRuns: 100 },
    )
  })

  it('keeps up the rate where there is always somebody waiting', async () => {
    const at = await starts({ count: 10, perMs: 1_000 }, alone(Array.from({ length: 101 }, () => 0)))
    expect(at.at(-1)).toBeCloseTo(10_000, 0)
    const shared = Array.from({ length: 101 }, (_, n) => ({ at: 0, process: n }))
    expect((await starts({ count: 10, perMs: 1_000 }, shared, 3)).at(-1)).toBeCloseTo(10_000, 0)
  })

  it('starts no later than it must: idle time fills the bucket, and no further than to the burst', async () => {
    const at = await starts(
      { count: 100, perMs: 1_000 },
      alone([...Array.from({ length: 11 }, () => 0), ...Array.from({ length: 12 }, () => 60_000)]),
    )
    expect(at.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 0))
    expect(at[10]).toBeCloseTo(10)
    expect(at.slice(11, 21)).toEqual(Array.from({ length: 10 }, () => 60_000))
    expect(at[21]).toBeCloseTo(60_010)
    expect(at[22]).toBeCloseTo(60_020)
  })

  it('has no burst of its own in a process that starts', async () => {
    const line = openTimeLine({ count: 100, perMs: 1_000 })
    for (let n = 0; n < 30; n++) await line.open().acquire(never)
    // Each leaves what it took and did not use: that is lost, never added.
    expect(line.now()).toBeGreaterThanOrEqual(200)
  })

  it('gives a place back that somebody was called off from', async () => {
    const line = openTimeLine({ count: 20, perMs: 1_000 })
    const limiter = line.open()
    for (let n = 0; n < 3; n++) await limiter.acquire(never)
    const before = line.now()
    for (let n = 0; n < 5; n++) await expect(limiter.acquire(AbortSignal.abort())).rejects.toThrow('called off')
    await limiter.acquire(never)
    expect(line.now() - before).toBeCloseTo(50)
  })
})

describe.each(STORES)('a rate on $name', (kind) => {
  let test: TestStore
  beforeAll(async () => {
    if (kind.available) test = await kind.open()
  })
  afterAll(async () => {
    if (kind.available) await test.stop()
  })
  const db = () => test.store.db
  let made = 0
  const newSystem = () => addSystem(db(), `rated-${made++}`)
  const limiterOf = (id: string, limit: RateLimit) => openRateLimiter(limit, (places) => takePlaces(db(), id, places))
  const HOURLY = { count: 1, spacingMs: 3_600_000, burstMs: 0, horizonMs: 250 }

  it.skipIf(!kind.available)('is kept over restarts and replicas: one an hour is one an hour', async () => {
    const id = await newSystem()
    expect(await limiterOf(id, { count: 1, perMs: 3_600_000 }).acquire(never)).toBeUndefined()
    const again = await takePlaces(db(), id, HOURLY)
    expect(again).toEqual({ retryInMs: expect.closeTo(3_600_000, -4) })
    const stop = new AbortController()
    const waiting = limiterOf(id, { count: 1, perMs: 3_600_000 }).acquire(stop.signal)
    stop.abort()
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
    // Whoever gives up has taken nothing.
    expect(await takePlaces(db(), id, HOURLY)).toEqual({ retryInMs: expect.closeTo(3_600_000, -4) })
  })

  it.skipIf(!kind.available)('is one for all who ask at a time', async () => {
    const id = await newSystem()
    const limit = { count: 200, perMs: 1_000 }
    const limiters = Array.from({ length: 3 }, () => limiterOf(id, limit))
    const before = performance.now()
    await Promise.all(limiters.flatMap((limiter) => Array.from({ length: 20 }, () => limiter.acquire(never))))
    // 60 attempts, of which 20 are the burst.
    expect(performance.now() - before).toBeGreaterThan(190)
  })

  it.skipIf(!kind.available)(
    'that was raised is not held up by what the slow one gave out, nor by a clock that was set back',
    async () => {
      const id = await newSystem()
      await db()
        .updateTable('system')
        .set({ rate_full_at: Temporal.Now.instant().add({ hours: 24 }).toString() })
        .where('id', '=', id)
        .execute()
      const fast = { count: 1, spacingMs: 100, burstMs: 0, horizonMs: 250 }
      expect(await takePlaces(db(), id, fast)).toEqual({ retryInMs: expect.closeTo(100, -2) })
      const before = performance.now()
      await limiterOf(id, { count: 10, perMs: 1_000 }).acquire(never)
      expect(performance.now() - before).toBeLessThan(5_000)
    },
  )
})
