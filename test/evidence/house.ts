import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { newId } from '../../src/domain/id.ts'
import { openSequencer, type Sequencer } from '../../src/evidence/sequencer.ts'
import { openSigners, type SignersOptions } from '../../src/evidence/signers.ts'
import type { Db } from '../../src/store/db.ts'

/** A key ring in memory, and the sequencer over it. */
export interface LedgerHouse {
  ring: KeyObject[]
  options: SignersOptions
  sequencer: Sequencer
}

export function openLedgerHouse(db: Db, batch?: number): LedgerHouse {
  const ring: KeyObject[] = []
  const now = () => Temporal.Now.instant()
  const options: SignersOptions = {
    db,
    origin: undefined,
    instance: 'test',
    readKeys: async () => ring,
    makeKey: async () => {
      ring.push(generateKeyPairSync('ed25519').privateKey)
      return ring
    },
    now,
  }
  const sequencer = openSequencer({ db, openSigners: () => openSigners(options), now, ...(batch === undefined ? {} : { batch }) })
  return { ring, options, sequencer }
}

/** So many facts of which only the digests exist. */
export function someLeaves(count: number): { ref: string; digest: string }[] {
  return Array.from({ length: count }, (_, at) => ({ ref: newId(), digest: at.toString(16).padStart(64, '0') }))
}

/** An id as it would have been made then: the log tells by it how old a row is. */
export function idAt(at: Temporal.Instant): string {
  const hex = at.epochMilliseconds.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}${newId().slice(13)}`
}
