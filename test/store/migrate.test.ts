import { globSync } from 'node:fs'
import { basename } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../src/store/open-store.ts'
import { type PostgresServer, postgres15, startPostgres } from '../servers/postgres.ts'
import { needs } from '../servers/require.ts'

const migrations = globSync('migrations/*.ts')
  .map((file) => basename(file, '.ts'))
  .toSorted()

describe.each([
  { version: 18 as const, available: true },
  { version: 15 as const, available: needs('postgresql-15', postgres15) },
])('migrations on Postgres $version', ({ version, available }) => {
  let server: PostgresServer
  beforeAll(async () => {
    if (available) server = await startPostgres({ version })
  })
  afterAll(async () => {
    if (available) await server.stop()
  })

  it.skipIf(!available)('are run once by replicas that start together on an empty database', async () => {
    for (let round = 0; round < 3; round++) {
      await server.query(`create database fresh${round}`)
      const url = server.url({ database: `fresh${round}` })
      const stores = await Promise.all(Array.from({ length: 6 }, () => openStore({ url, poolSize: 2, applicationName: 'test' })))
      const [first] = stores
      if (first === undefined) throw new Error('no store')
      const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(first.db)
      expect(rows.map(({ name }) => name)).toEqual(migrations)
      for (const store of stores) await store.close()
    }
  })

  it.skipIf(!available)('do nothing to a database that is up to date, and take no lock there', async () => {
    const url = server.url({ database: 'fresh0' })
    const store = await openStore({ url, poolSize: 1, applicationName: 'test' })
    await store.db
      .insertInto('pause')
      .values({ scope: '*', paused_at: '2026-01-01T00:00:00Z', paused_by: 'x', note: '' })
      .execute()
    // Whoever holds the migrations' lock must not keep a replica from starting.
    await store.db.transaction().execute(async (tx) => {
      await sql`lock table kysely_migration_lock in access exclusive mode`.execute(tx)
      const again = await openStore({ url, poolSize: 1, applicationName: 'test' })
      expect(await again.db.selectFrom('pause').select('scope').execute()).toEqual([{ scope: '*' }])
      await again.close()
    })
    await store.close()
  })
})
