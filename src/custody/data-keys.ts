import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { RevenantError } from '../domain/error.ts'
import { newId } from '../domain/id.ts'
import { currentDataKey, type DataKeyRow, findDataKey, insertDataKey, lockKeys } from '../store/data-key.ts'
import type { Db, Queryable } from '../store/db.ts'
import { bindingOf } from './binding.ts'
import { type KeyRing, type RingKey, type RingPlace, readKeyRing } from './key-ring.ts'
import { type DataKey, openBytes, sealBytes } from './seal.ts'

/** The data keys of a database, unwrapped and remembered. */
export interface DataKeys {
  /** A key that was unwrapped before; undefined: ask `load`. */
  cached(id: string): DataKey | undefined
  /** Unwraps a key. Throws `KEY_UNKNOWN`, `SEAL_BROKEN`. */
  load(id: string): Promise<DataKey>
  /** The key that new secrets are sealed with; made where there is none. */
  current(): Promise<DataKey>
  /** The same as the database has it now, not as this process remembers it. */
  newest(): Promise<DataKey>
  unwrap(row: DataKeyRow): Promise<DataKey>
  ring(): KeyRing
  useRing(ring: KeyRing): void
}

export interface DataKeysOptions {
  db: Db
  place: () => RingPlace
  ring: KeyRing
  clock: () => Temporal.Instant
}

// Another process may rotate: for so long this one may still seal with the key before. Such secrets open and are sealed anew.
const CURRENT_FOR_MS = 2_000

export function openDataKeys({ db, place, ring: first, clock }: DataKeysOptions): DataKeys {
  let ring = first
  let remembered: { key: DataKey; until: number } | undefined
  const known = new Map<string, DataKey>()

  const unwrap = async (row: DataKeyRow): Promise<DataKey> => {
    const before = known.get(row.id)
    if (before !== undefined) return before
    // Another process rotated since this one read the ring.
    if (ringKey(ring, row.ring_key_id) === undefined) ring = await readKeyRing(place())
    const key = { id: row.id, key: unwrapDataKey(ring, row) }
    known.set(row.id, key)
    return key
  }
  const load = async (id: string): Promise<DataKey> => {
    const before = known.get(id)
    if (before !== undefined) return before
    const row = await findDataKey(db, id)
    if (row === undefined) throw new RevenantError('KEY_UNKNOWN', `the database does not hold the data key ${id}`)
    return unwrap(row)
  }
  const make = () =>
    db.transaction().execute(async (tx) => {
      await lockKeys(tx)
      const row = await currentDataKey(tx)
      if (row !== undefined) return unwrap(row)
      ring = await readKeyRing(place())
      return insertNewDataKey(tx, ring.active, clock())
    })
  const newest = async () => {
    const row = await currentDataKey(db)
    const key = row === undefined ? await make() : await unwrap(row)
    known.set(key.id, key)
    remembered = { key, until: performance.now() + CURRENT_FOR_MS }
    return key
  }
  return {
    cached: (id) => known.get(id),
    load,
    current: async () => (remembered !== undefined && remembered.until > performance.now() ? remembered.key : newest()),
    newest,
    unwrap,
    ring: () => ring,
    useRing: (next) => {
      ring = next
      remembered = undefined
    },
  }
}

/** Makes a data key and keeps it wrapped. */
export async function insertNewDataKey(tx: Queryable, under: RingKey, now: Temporal.Instant): Promise<DataKey> {
  const bytes = randomBytes(32)
  const key: DataKey = { id: newId(), key: createSecretKey(bytes) }
  bytes.fill(0)
  await insertDataKey(tx, { id: key.id, wrapped: wrapDataKey(under, key), ringKeyId: under.id }, now)
  return key
}

/** version (1) | nonce (12) | key (32) | tag (16): AES-256-GCM under a key of the ring, bound to both ids. */
export function wrapDataKey(under: RingKey, key: DataKey): Uint8Array {
  const bytes = key.key.export()
  const wrapped = sealBytes(under.key, HEADER, aadOf(key.id, under.id), bytes)
  bytes.fill(0)
  return wrapped
}

const HEADER = Buffer.of(1)

/** Throws `KEY_UNKNOWN` (the ring lacks the key that wraps it), `SEAL_BROKEN`. */
export function unwrapDataKey(ring: KeyRing, row: DataKeyRow): KeyObject {
  const under = ringKey(ring, row.ring_key_id)
  if (under === undefined) {
    throw new RevenantError(
      'KEY_UNKNOWN',
      `the key ring does not hold the key ${row.ring_key_id}: restore the ring that belongs to this database`,
    )
  }
  const bytes =
    row.wrapped[0] === HEADER[0] ? openBytes(under.key, HEADER.length, aadOf(row.id, under.id), row.wrapped) : undefined
  if (bytes === undefined) throw new RevenantError('SEAL_BROKEN', `the data key ${row.id} does not unwrap: it was changed`)
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

function ringKey(ring: KeyRing, id: string): RingKey | undefined {
  return ring.keys.find((key) => key.id === id)
}

function aadOf(dataKeyId: string, ringKeyId: string): Buffer {
  return bindingOf('revenant/data-key/v1', dataKeyId, ringKeyId)
}
