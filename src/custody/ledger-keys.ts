import { lockKeys } from '../store/data-key.ts'
import type { Db } from '../store/db.ts'
import { addLedgerKey, type RingKey, type RingPlace, readKeyRing } from './key-ring.ts'
import { NO_WRAPS, type RingWraps } from './ring-wrap.ts'

export interface LedgerKeysOptions {
  db: Db
  keyRingPath: string
  /** Left out: not wrapped. */
  wraps?: () => RingWraps
  clock(): Temporal.Instant
}

/** The keys that sign the ledger's checkpoints, the newest last, as the file holds them now. Throws `KEY_RING_INVALID`. */
export async function readLedgerKeys(options: Pick<LedgerKeysOptions, 'keyRingPath' | 'wraps'>): Promise<readonly RingKey[]> {
  return (await readKeyRing(placeOf(options))).ledgerKeys
}

/**
 * Makes a new key in the ring, while no other process changes it; with `unlessAny` only where there is none. The older ones stay: the
 * last of them signs the checkpoint by which the log takes the new one up.
 */
export async function makeLedgerKey(
  { db, clock, ...where }: LedgerKeysOptions,
  options: { unlessAny: boolean },
): Promise<readonly RingKey[]> {
  return db.transaction().execute(async (tx) => {
    await lockKeys(tx)
    const { ledgerKeys } = await readKeyRing(placeOf(where))
    if (options.unlessAny && ledgerKeys.length > 0) return ledgerKeys
    return (await addLedgerKey(placeOf(where), clock())).ledgerKeys
  })
}

function placeOf({ keyRingPath, wraps = () => NO_WRAPS }: Pick<LedgerKeysOptions, 'keyRingPath' | 'wraps'>): RingPlace {
  return { path: keyRingPath, wraps: wraps() }
}
