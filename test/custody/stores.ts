import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '../../src/domain/id.ts'
import type { Db } from '../../src/store/db.ts'
import { openStore } from '../../src/store/open-store.ts'
import { putSecret, type SecretRow } from '../../src/store/secret.ts'
import { furnish } from '../servers/furnish.ts'
import { startPostgres } from '../servers/postgres.ts'

export interface TestStore {
  db: Db
  /** Of Postgres only. */
  url: string | undefined
  /** A folder that goes with the store. */
  folder: string
  close(): Promise<void>
}

/** The databases that every test of custody runs on. */
export const STORES: [name: string, open: () => Promise<TestStore>][] = [
  ['PGlite', openEmbedded],
  ['Postgres', openPostgres],
]

async function openEmbedded(): Promise<TestStore> {
  const folder = await mkdtemp(join(tmpdir(), 'revenant-custody-'))
  const store = await openStore({ dataDir: furnish(join(folder, 'data')) })
  return {
    db: store.db,
    url: undefined,
    folder,
    close: async () => {
      await store.close()
      await rm(folder, { recursive: true })
    },
  }
}

async function openPostgres(): Promise<TestStore> {
  const folder = await mkdtemp(join(tmpdir(), 'revenant-custody-'))
  const server = await startPostgres()
  const store = await openStore({ url: server.url(), poolSize: 5, applicationName: 'custody-test' })
  return {
    db: store.db,
    url: server.url(),
    folder,
    close: async () => {
      await store.close()
      await server.stop()
      await rm(folder, { recursive: true })
    },
  }
}

/** Empties what the tests of custody write. */
export async function clear(db: Db): Promise<void> {
  for (const table of ['secret', 'credential', 'system', 'identity', 'data_key'] as const) await db.deleteFrom(table).execute()
}

/** A system; answers its id. */
export async function addSystem(db: Db, name: string, origin: string): Promise<string> {
  const id = newId()
  const now = new Date().toISOString()
  await db
    .insertInto('system')
    .values({
      id,
      name,
      probe: 'http',
      origin,
      bound_origin: origin,
      tier: 'standard',
      zone: 'default',
      created_at: now,
      updated_at: now,
    })
    .execute()
  return id
}

/** So many credentials of one leaver at a system; answers their ids, in the order of pages. */
export async function addCredentials(db: Db, systemId: string, count: number): Promise<string[]> {
  const now = new Date().toISOString()
  const identityId = newId()
  const times = { created_at: now, updated_at: now }
  await db
    .insertInto('identity')
    .values({ id: identityId, external_id: identityId, kind: 'human', name: 'Leaver', source: 'test', ...times })
    .execute()
  const ids = Array.from({ length: count }, newId).toSorted()
  const common = {
    identity_id: identityId,
    system_id: systemId,
    kind: 'token',
    privilege: 'standard',
    fingerprint: 'x',
    ...times,
  } as const
  await db
    .insertInto('credential')
    .values(ids.map((id) => ({ id, label: id, ...common })))
    .execute()
  return ids
}

export async function keep(
  db: Db,
  row: Partial<SecretRow> & Pick<SecretRow, 'credential_id' | 'system_id' | 'origin'>,
): Promise<void> {
  await putSecret(
    db,
    { sealed: null, data_key_id: null, reference: null, reference_mac: null, pinned: null, ...row },
    Temporal.Now.instant(),
  )
}
