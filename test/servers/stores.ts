import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '../../src/store/db.ts'
import { openStore } from '../../src/store/open-store.ts'
import { furnish } from './furnish.ts'
import { type PostgresServer, postgres15, startPostgres } from './postgres.ts'
import { needs } from './require.ts'

export interface TestStore {
  store: Store
  /** Opens another connection to the same database; undefined on the embedded one, which has room for one only. */
  again: (() => Promise<Store>) | undefined
  stop(): Promise<void>
}

export interface StoreKind {
  name: string
  available: boolean
  open(): Promise<TestStore>
}

/** Every database that the store must run on: for `describe.each`. */
export const STORES: readonly StoreKind[] = [
  { name: 'PGlite', available: true, open: openEmbedded },
  { name: 'Postgres 18', available: true, open: () => openPostgres(18) },
  { name: 'Postgres 15', available: needs('postgresql-15', postgres15), open: () => openPostgres(15) },
]

async function openEmbedded(): Promise<TestStore> {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-store-'))
  const store = await openStore({ dataDir: furnish(folder) })
  return {
    store,
    again: undefined,
    stop: async () => {
      await store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function openPostgres(version: 15 | 18): Promise<TestStore> {
  const server: PostgresServer = await startPostgres({ version })
  const options = { url: server.url(), poolSize: 8, applicationName: 'revenant test' }
  const store = await openStore(options)
  const opened = [store]
  return {
    store,
    again: async () => {
      const other = await openStore(options)
      opened.push(other)
      return other
    },
    stop: async () => {
      for (const each of opened) await each.close()
      await server.stop()
    },
  }
}
