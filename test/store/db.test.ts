import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../src/store/open-store.ts'
import { STORES, type TestStore } from '../servers/stores.ts'

describe.each(STORES)('the store on $name', (kind) => {
  let test: TestStore
  beforeAll(async () => {
    if (kind.available) test = await kind.open()
  })
  afterAll(async () => {
    if (kind.available) await test.stop()
  })

  it.skipIf(!kind.available)('reads instants and counts as what they are, whatever the zone of the machine', async () => {
    const { rows } = await sql<{ at: unknown; n: unknown; none: unknown }>`
      select timestamptz '2026-11-22 08:15:34.123456+05:30' as at, count(*) as n, null::timestamptz as none
    `.execute(test.store.db)
    expect(String(rows[0]?.at)).toBe('2026-11-22T02:45:34.123456Z')
    expect(rows[0]?.at).toBeInstanceOf(Temporal.Instant)
    expect(rows[0]?.n).toBe(1)
    expect(rows[0]?.none).toBeNull()
  })

  it.skipIf(!kind.available)('rolls a transaction back as a whole', async () => {
    const { db } = test.store
    await expect(
      db.transaction().execute(async (tx) => {
        await tx.insertInto('pause').values({ scope: 'x', paused_at: '2026-01-01T00:00:00Z', paused_by: 'x', note: '' }).execute()
        throw new Error('on purpose')
      }),
    ).rejects.toThrow('on purpose')
    expect(await db.selectFrom('pause').selectAll().execute()).toEqual([])
  })

  it.skipIf(!kind.available)('goes on after a statement that failed', async () => {
    await expect(sql`select 1 / 0`.execute(test.store.db)).rejects.toThrow()
    expect((await sql<{ one: number }>`select 1 as one`.execute(test.store.db)).rows).toEqual([{ one: 1 }])
  })
})

describe('openStore', () => {
  it('says that a database cannot be reached, and quotes no password', async () => {
    const error = await openStore({ url: 'postgres://u:hunter2@127.0.0.1:1/x', poolSize: 1, applicationName: 'test' }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    expect(String(error)).not.toContain('hunter2')
  })

  it('survives connections that die in a transaction and while idle', async () => {
    const kind = STORES.find((each) => each.name === 'Postgres 18')
    const test = await kind?.open()
    if (test === undefined) throw new Error('no Postgres 18')
    try {
      const other = await test.again?.()
      if (other === undefined) throw new Error('no second connection')
      const kill = () =>
        sql`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()`.execute(
          other.db,
        )
      await expect(
        test.store.db.transaction().execute(async (tx) => {
          await sql`select 1`.execute(tx)
          await kill()
          await new Promise((resolve) => setTimeout(resolve, 200))
          await sql`select 1`.execute(tx)
        }),
      ).rejects.toThrow()
      await sql`select 1`.execute(test.store.db)
      await kill()
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect((await sql<{ one: number }>`select 1 as one`.execute(test.store.db)).rows).toEqual([{ one: 1 }])
    } finally {
      await test.stop()
    }
  })
})
