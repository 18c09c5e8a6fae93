import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBox } from '../../src/custody/box.ts'
import { openCustody } from '../../src/custody/custody.ts'
import { bindSystem } from '../../src/intake/credential-row.ts'
import type { CredentialIntakeDeps } from '../../src/intake/credentials.ts'
import type { TrialDeps } from '../../src/scan/deps.ts'
import type { Db, Store } from '../../src/store/db.ts'
import { findSystem } from '../../src/store/system.ts'
import { STORES } from '../servers/stores.ts'
import { startTokenApi, type TokenApi } from '../servers/token-api.ts'
import { type House, openHouse } from './house.ts'

const HOUR_MS = 3_600_000

/** A house whose secrets come in by an import, are kept, and are opened for its trials. */
export interface KeptHouse {
  house: House
  /** Writes down every token that it sees. */
  api: TokenApi
  deps: TrialDeps
  intake: CredentialIntakeDeps
  /** Its one system's name. */
  system: string
  close(): Promise<void>
}

export interface KeptHouses {
  readonly store: Store
  db(): Db
  /** One with an API and a system of its own. */
  open(): Promise<KeptHouse>
  stop(): Promise<void>
}

/** Houses that share an embedded database and its custody. */
export async function openKeptHouses(): Promise<KeptHouses> {
  const [embedded] = STORES
  if (embedded === undefined) throw new Error('there is an embedded store')
  const { store, stop } = await embedded.open()
  const folder = mkdtempSync(join(tmpdir(), 'revenant-kept-'))
  const { db } = store
  const custody = await openCustody({ db, keyRingPath: join(folder, 'keyring.json'), clock: () => Temporal.Now.instant() })
  const open = async (): Promise<KeptHouse> => {
    const api = await startTokenApi()
    const house = await openHouse(db, api, { concurrency: 1 })
    const system = house.system.name
    const row = await findSystem(db, house.system.id)
    if (row === undefined) throw new Error('no system')
    const deps: TrialDeps = {
      ...house.deps,
      openSecret: async (due, { id, probe }) => {
        const { credential_id: credentialId, secret_origin: origin, sealed, reference, reference_mac: referenceMac, pinned } = due
        return openBox(
          await custody.open({ credentialId, systemId: id, origin, sealed, reference, referenceMac, pinned }, probe.origin),
        )
      },
    }
    const intake: CredentialIntakeDeps = {
      ...{ db, custody, actor: 'test', now: deps.now },
      // Whatever is enqueued: the tests run every trial that there could be.
      jobs: { enqueueTrial: async () => true, prepareTrials: async () => {} },
      bindings: new Map([[system, bindSystem(row, house.system.probe)]]),
      policy: { verifyWithinMs: 72 * HOUR_MS, timeZone: 'UTC', terminationCutOff: '18:00' },
    }
    const close = async () => {
      await house.close()
      await api.stop()
    }
    return { house, api, deps, intake, system, close }
  }
  return {
    store,
    db: () => db,
    open,
    stop: async () => {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
