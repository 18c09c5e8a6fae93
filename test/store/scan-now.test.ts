import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { dueIn, makeDue, type ScanScope } from '../../src/store/scan-now.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addChecks, addSystem, clear, NOW } from './checks.ts'

const HOUR = 3_600_000

describe.each(STORES)('what is tried now, on $name', ({ available, open }) => {
  let test: TestStore
  beforeAll(async () => {
    if (available) test = await open()
  })
  afterAll(() => test?.stop())
  beforeEach(async () => {
    if (available) await clear(db())
  })
  const db = () => test.store.db
  const when = it.skipIf(!available)
  const inHours = (hours: number) => NOW.add({ milliseconds: hours * HOUR })
  const make = (scope: ScanScope, limit = 100, count = 3) =>
    db()
      .transaction()
      .execute((tx) => makeDue(tx, scope, NOW, [{ systemId: system, realm: 'directory', count }], limit))
  const told = async (...asked: Parameters<typeof make>) =>
    Object.fromEntries((await make(...asked)).map(({ as, count }) => [as, count]))
  let system: string

  when('moves what could be tried, the living and soonest due first, and nothing of anybody who is here', async () => {
    system = await addSystem(db(), 'wiki', { shards: 4 })
    const [a, b, c, dead, due, future] = await addChecks(db(), system, [
      { dueAt: inHours(3) },
      { dueAt: inHours(2) },
      { dueAt: inHours(1) },
      { dueAt: inHours(1) },
      { dueAt: inHours(-1) },
      { dueAt: inHours(5), terminatedAt: inHours(5) },
    ])
    for (const each of [a, b, c, dead, due])
      await db()
        .updateTable('identity')
        .set({ terminated_at: inHours(-9).toString() })
        .where('id', '=', each?.identityId ?? '')
        .execute()
    await db()
      .updateTable('identity')
      .set({ terminated_at: inHours(5).toString() })
      .where('id', '=', future?.identityId ?? '')
      .execute()
    const proven = { verdict: 'rejected', rejections: 2, dead_at: inHours(-2).toString() } as const
    await db()
      .updateTable('check_state')
      .set(proven)
      .where('credential_id', '=', dead?.id ?? '')
      .execute()
    expect(await told({ systemId: system }, 2)).toEqual({ moved: 2, left: 2, due: 1 })
    const rows = await db().selectFrom('check_state').select(['credential_id', 'due_at']).execute()
    const now = rows.filter(({ due_at }) => due_at !== null && Temporal.Instant.compare(due_at, NOW) === 0)
    expect(now.map((row) => row.credential_id).toSorted()).toEqual([b?.id, c?.id].toSorted())
    expect(await told({ systemId: system })).toEqual({ moved: 2, due: 3 })
    const [row] = await db()
      .transaction()
      .execute((tx) => dueIn(tx, { systemId: system }, NOW))
    expect(row).toMatchObject({ id: system, name: 'wiki', due: 5, paused: false, holdUntil: null, windowAt: null })
    expect(row?.shards.every((shard) => shard >= 0 && shard < 4)).toBe(true)
    expect(
      await db()
        .transaction()
        .execute((tx) => dueIn(tx, { identityId: a?.identityId ?? '' }, NOW)),
    ).toMatchObject([{ due: 1 }])
    expect(
      await db()
        .transaction()
        .execute((tx) => dueIn(tx, { credentialId: future?.id ?? '' }, NOW)),
    ).toEqual([])
  })

  when('leaves what would lock an account or shorten a proof', async () => {
    system = await addSystem(db(), 'wiki')
    const [spent, free, other, locked, half] = await addChecks(
      db(),
      system,
      Array.from({ length: 5 }, () => ({ dueAt: inHours(1) })),
    )
    await db()
      .updateTable('identity')
      .set({ terminated_at: inHours(-9).toString() })
      .execute()
    const budget = { realm: 'directory', window_ends_at: inHours(2).toString() }
    await db()
      .insertInto('lockout_budget')
      .values([
        { ...budget, account: 'spent', tries: 3 },
        { ...budget, account: 'free', tries: 2 },
        { ...budget, account: 'other', tries: 9, realm: 'elsewhere' },
        { ...budget, account: 'locked', tries: 0, locked_until: inHours(1).toString() },
      ])
      .execute()
    const named = [
      [spent, 'SPENT'],
      [free, 'free'],
      [other, 'other'],
      [locked, 'locked'],
    ] as const
    for (const [each, principal] of named)
      await db()
        .updateTable('credential')
        .set({ principal })
        .where('id', '=', each?.id ?? '')
        .execute()
    await db()
      .updateTable('check_state')
      .set({ verdict: 'rejected', rejections: 1 })
      .where('credential_id', '=', half?.id ?? '')
      .execute()
    const found = await make({ systemId: system })
    expect(found.map(({ as, count }) => [as, count])).toEqual([
      ['lockout_budget', 2],
      ['moved', 2],
      ['second_proof', 1],
    ])
    expect(found.every(({ until }) => until instanceof Temporal.Instant)).toBe(true)
    await db().updateTable('system').set({ bound_origin: 'https://elsewhere' }).execute()
    expect(await told({ systemId: system })).toEqual({ rebind: 5 })
  })
})
