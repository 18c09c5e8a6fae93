import { lockKeys } from '../store/data-key.ts'
import type { Db } from '../store/db.ts'
import { addLedgerKey, type RingKey, readKeyRing } from './key-ring.ts'

export interface LedgerKeysOptions {
  db: Db
  keyRingPath: string
  clock(): Temporal.Instant
}

/** The keys that sign the ledger's checkpoints, the newest last, as the file holds them now. Throws `KEY_RING_INVALID`. */
export async function readLedgerKeys({ keyRingPath }: Pick<LedgerKeysOptions, 'keyRingPath'>): Promise<readonly RingKey[]> {
  return (await readKeyRing(keyRingPath)).ledgerKeys
}

/**
 * Makes a new key in the ring, while no other process changes it; with `unlessAny` only where there is none. The older ones stay: the
 * last of them signs the checkpoint by which the log takes the new one up.
 */
export async function makeLedgerKey(
  { db, keyRingPath, clock }: LedgerKeysOptions,
  options: { unlessAny: boolean },
): Promise<readonly RingKey[]> {
  return db.transaction().execute(async (tx) => {
    await lockKeys(tx)
    const { ledgerKeys } = await readKeyRing(keyRingPath)
    if (options.unlessAny && ledgerKeys.length > 0) return ledgerKeys
    return (await addLedgerKey(keyRingPath, clock())).ledgerKeys
  })
}
