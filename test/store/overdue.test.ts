import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { takeOverdue } from '../../src/store/overdue.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addCheck, addChecks, addSystem, clear, NOW } from './checks.ts'

describe.each(STORES)('overdue judgements on $name', (kind) => {
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

  it.skipIf(!kind.available)('are taken once each, the oldest first, with what their finding needs', async () => {
    const system = await addSystem(db(), 'a', { tier: 'critical' })
    const ages = [1, 3, 2].map((hours) => NOW.subtract({ hours }))
    const rows = []
    for (const verifyBy of ages) rows.push(await addCheck(db(), system, { verifyBy }))
    await addCheck(db(), system, { verifyBy: NOW.add({ milliseconds: 1 }) })
    await addCheck(db(), system, { verifyBy: null })
    const first = await takeOverdue(db(), NOW, 2)
    expect(first.map((row) => row.credentialId).toSorted()).toEqual([rows[1]?.id, rows[2]?.id].toSorted())
    expect(first[0]).toMatchObject({ systemId: system, tier: 'critical', identityKind: 'human', privilege: 'standard' })
    expect((await takeOverdue(db(), NOW, 2)).map((row) => row.credentialId)).toEqual([rows[0]?.id])
    expect(await takeOverdue(db(), NOW, 2)).toEqual([])
  })

  it.skipIf(!kind.available)('are shared among replicas that take at the same time', async () => {
    const system = await addSystem(db(), 'a')
    await addChecks(
      db(),
      system,
      Array.from({ length: 60 }, () => ({ verifyBy: NOW })),
    )
    const other = (await test.again?.())?.db ?? db()
    const taken = await Promise.all(Array.from({ length: 8 }, (_each, n) => takeOverdue(n % 2 === 0 ? db() : other, NOW, 10)))
    const ids = taken.flat().map((row) => row.credentialId)
    expect(ids.length).toBe(new Set(ids).size)
    let rest = 0
    for (let page = await takeOverdue(db(), NOW, 10); page.length > 0; page = await takeOverdue(db(), NOW, 10))
      rest += page.length
    expect(ids.length + rest).toBe(60)
  })

  it.skipIf(!kind.available)('are not taken by a transaction that is rolled back', async () => {
    const system = await addSystem(db(), 'a')
    await addCheck(db(), system, { verifyBy: NOW })
    await expect(
      db()
        .transaction()
        .execute(async (tx) => {
          expect(await takeOverdue(tx, NOW, 10)).toHaveLength(1)
          throw new Error('on purpose')
        }),
    ).rejects.toThrow('on purpose')
    expect(await takeOverdue(db(), NOW, 10)).toHaveLength(1)
  })
})
