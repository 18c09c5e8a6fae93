import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Outcome } from '../../src/scan/record.ts'
import { openRecorder } from '../../src/scan/recorder.ts'
import type { Session } from '../../src/scan/session.ts'
import { duePage } from '../../src/store/due.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { startTokenApi, type TokenApi } from '../servers/token-api.ts'
import { clear } from '../store/checks.ts'
import { type House, openHouse } from './house.ts'

const PAGE = 4

describe('openRecorder', () => {
  let test: TestStore
  let api: TokenApi
  let house: House
  let failing = false
  const disowned = new Set<string>()
  const db = () => test.store.db

  beforeAll(async () => {
    const kind = STORES.find((each) => each.name === 'PGlite')
    if (kind === undefined) throw new Error('no PGlite')
    test = await kind.open()
    api = await startTokenApi()
  })
  afterAll(async () => {
    await api.stop()
    await test.stop()
  })
  beforeEach(async () => {
    await clear(db())
    failing = false
    disowned.clear()
    house = await openHouse(db(), api, { pageSize: PAGE })
  })
  afterEach(() => house.close())

  /** A session of which the recorder asks no more than where and with what to write. */
  const open = () => {
    const session = {
      trialId: '0193a6b2-7d5e-7c1a-9f10-2b7f6d0c4e11',
      system: house.system,
      deps: {
        ...house.deps,
        policy: () => {
          if (failing) throw new Error('the database went away')
          return house.deps.policy()
        },
      },
      trace: house.deps.trace({}),
    }
    return openRecorder(session as unknown as Session, async (page) =>
      page.filter((outcome) => !disowned.has(outcome.row.credential_id)),
    )
  }
  const outcomes = async (count: number, verdict: 'accepted' | 'rejected'): Promise<Outcome[]> => {
    for (let n = 0; n < count; n++) await house.leaver(`t${n}`)
    const rows = await duePage(db(), {
      systemId: house.system.id,
      shard: 0,
      shards: 1,
      now: house.deps.now(),
      limit: 100,
      after: undefined,
    })
    return rows.map((row) => ({
      row,
      atMs: Date.now(),
      verdict,
      reason: verdict === 'accepted' ? ('authenticated' as const) : ('token_invalid' as const),
      strength: 'strong',
      assurance: 'explicit',
      confirmed: verdict === 'accepted',
      confirmedMs: undefined,
      control: undefined,
      principal: undefined,
      otherPrincipal: false,
      wire: { status: 1 },
      latencyMs: 1,
      notBeforeMs: undefined,
    }))
  }
  const written = async () => (await db().selectFrom('observation').select('id').execute()).length

  it('writes an acceptance at once, whatever page is under way', async () => {
    const recorder = open()
    const [first, second] = await outcomes(2, 'rejected')
    if (first === undefined || second === undefined) throw new Error('no outcomes')
    expect(recorder.add(first)).toBeUndefined()
    expect(recorder.add({ ...second, verdict: 'accepted', reason: 'authenticated', confirmed: true })).toBeUndefined()
    await expect.poll(written, { timeout: 800, interval: 10 }).toBe(1)
    expect(recorder.counts()).toEqual({ accepted: 1, rejected: 0, inconclusive: 0 })
    await recorder.flush()
    expect(recorder.counts()).toEqual({ accepted: 1, rejected: 1, inconclusive: 0 })
  })

  it('writes full pages behind the lanes, and the rest at the end', async () => {
    const recorder = open()
    for (const outcome of await outcomes(10, 'rejected')) await recorder.add(outcome)
    await recorder.flush()
    expect(await written()).toBe(10)
    await recorder.flush()
    expect(await written()).toBe(10)
  })

  it('writes and counts what is vouched for only', async () => {
    const recorder = open()
    const all = await outcomes(3, 'rejected')
    disowned.add(all[1]?.row.credential_id ?? '')
    for (const outcome of all) await recorder.add(outcome)
    await recorder.flush()
    expect(await written()).toBe(2)
    expect(recorder.counts().rejected).toBe(2)
  })

  it('writes a page that fills slowly after a second', async () => {
    const recorder = open()
    const [one] = await outcomes(1, 'rejected')
    if (one === undefined) throw new Error('no outcome')
    void recorder.add(one)
    await sleep(500)
    expect(await written()).toBe(0)
    await sleep(900)
    expect(await written()).toBe(1)
    await recorder.close()
  })

  it('tells of a page that was not written by the next add and by flush, and writes nothing after it', async () => {
    const recorder = open()
    const all = await outcomes(PAGE + 3, 'rejected')
    failing = true
    for (const outcome of all.slice(0, PAGE)) void recorder.add(outcome)
    await sleep(50)
    failing = false
    const [, , , , next, accepted] = all
    if (next === undefined || accepted === undefined) throw new Error('no outcomes')
    await expect(recorder.add(next)).rejects.toThrow('the database went away')
    await expect(recorder.add({ ...accepted, verdict: 'accepted', reason: 'authenticated' })).rejects.toThrow(
      'the database went away',
    )
    await expect(recorder.flush()).rejects.toThrow('the database went away')
    await recorder.close()
    expect(await written(), 'what follows a gap would be out of order').toBe(0)
    expect(recorder.counts()).toEqual({ accepted: 0, rejected: 0, inconclusive: 0 })
  })
})
