import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Db } from '../../src/store/db.ts'
import { budgetEnds, dropOldBudgets, markLocked, refundTry, reserveTries } from '../../src/store/lockout-budget.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { clear, NOW } from './checks.ts'

const LIMIT = { count: 3, windowMs: 86_400_000 }
const later = (hours: number) => NOW.add({ hours })

describe.each(STORES)('lockout budgets on $name', (kind) => {
  let test: TestStore
  const db = () => test.store.db
  beforeAll(async () => {
    if (kind.available) test = await kind.open()
  })
  afterAll(async () => {
    if (kind.available) await test.stop()
  })
  beforeEach(async () => {
    if (kind.available) await clear(db())
  })
  const reserve = async (at = NOW, account = 'anna', realm = 'ad', on: Db = db()) =>
    (await reserveTries(on, realm, [account], LIMIT, at)).has(account)

  it.skipIf(!kind.available)('grant so many tries in a window, and as many in the next', async () => {
    expect([await reserve(), await reserve(later(1)), await reserve(later(2)), await reserve(later(3))]).toEqual([
      true,
      true,
      true,
      false,
    ])
    expect((await budgetEnds(db(), 'ad', 'anna'))?.toString()).toBe(later(24).toString())
    expect(await reserve(later(23))).toBe(false)
    expect([await reserve(later(24)), await reserve(later(25)), await reserve(later(26)), await reserve(later(27))]).toEqual([
      true,
      true,
      true,
      false,
    ])
  })

  it.skipIf(!kind.available)('are of the account and the realm', async () => {
    for (let n = 0; n < 3; n++) await reserve()
    expect(await reserve(NOW, 'anna')).toBe(false)
    expect(await reserve(NOW, 'bob')).toBe(true)
    expect(await reserve(NOW, 'anna', 'other')).toBe(true)
    expect(await reserveTries(db(), 'ad', ['anna', 'bob', 'carl', 'carl'], LIMIT, NOW)).toEqual(new Set(['bob', 'carl']))
    expect(await reserveTries(db(), 'ad', [], LIMIT, NOW)).toEqual(new Set())
  })

  it.skipIf(!kind.available)('take a try back that was not counted, and never more than were taken', async () => {
    for (let n = 0; n < 3; n++) await reserve()
    await refundTry(db(), 'ad', 'anna')
    expect([await reserve(), await reserve()]).toEqual([true, false])
    for (let n = 0; n < 9; n++) await refundTry(db(), 'ad', 'anna')
    expect([await reserve(), await reserve(), await reserve(), await reserve()]).toEqual([true, true, true, false])
  })

  it.skipIf(!kind.available)('grant nothing to a locked account until the lock has ended, whatever the window', async () => {
    await markLocked(db(), 'ad', 'anna', later(48))
    expect([await reserve(), await reserve(later(47))]).toEqual([false, false])
    await markLocked(db(), 'ad', 'anna', later(1))
    expect(await reserve(later(47)), 'a shorter lock ends no longer one').toBe(false)
    expect((await budgetEnds(db(), 'ad', 'anna'))?.toString()).toBe(later(48).toString())
    expect(await reserve(later(48))).toBe(true)
  })

  it.skipIf(!kind.available)('grant exactly the limit to many that ask at once, over all connections', async () => {
    const connections = [db()]
    for (let n = 0; n < 2; n++) connections.push((await test.again?.())?.db ?? db())
    for (let round = 0; round < 5; round++) {
      const account = `account ${round}`
      const granted = await Promise.all(
        Array.from({ length: 24 }, (_each, n) => reserve(NOW, account, 'ad', connections[n % connections.length] ?? db())),
      )
      expect(granted.filter(Boolean).length).toBe(LIMIT.count)
    }
  })

  it.skipIf(!kind.available)('do not deadlock where many accounts are asked for in different orders', async () => {
    const accounts = Array.from({ length: 30 }, (_each, n) => `a${n}`)
    await Promise.all(
      Array.from({ length: 12 }, (_each, n) =>
        reserveTries(db(), 'ad', n % 2 === 0 ? accounts : accounts.toReversed(), LIMIT, NOW),
      ),
    )
    expect(await reserveTries(db(), 'ad', accounts, LIMIT, NOW)).toEqual(new Set())
  })

  it.skipIf(!kind.available)('are forgotten once window and lock have ended', async () => {
    await reserve(NOW, 'old')
    await reserve(later(48), 'new')
    await markLocked(db(), 'ad', 'old and locked', later(48))
    await dropOldBudgets(db(), later(25))
    const left = await db().selectFrom('lockout_budget').select('account').orderBy('account').execute()
    expect(left.map((row) => row.account)).toEqual(['new', 'old and locked'])
  })
})
