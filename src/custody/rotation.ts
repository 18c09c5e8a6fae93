import { RevenantError } from '../domain/error.ts'
import { deleteUnusedDataKeys, listDataKeys, lockKeys, retireOtherDataKeys, rewrapDataKey } from '../store/data-key.ts'
import type { Db } from '../store/db.ts'
import {
  countUnderRetiredKeys,
  pageBoundElsewhere,
  pageUnderRetiredKeys,
  type Resealed,
  replaceSeal,
  type SecretRow,
} from '../store/secret.ts'
import type { Place } from './binding.ts'
import { type DataKeys, insertNewDataKey, wrapDataKey } from './data-keys.ts'
import { addRingKey, dropRingKeys, type KeyRing, type RingPlace, rewriteKeyRing } from './key-ring.ts'
import { openWith } from './open-with.ts'
import { checkReference, sealReference } from './reference-seal.ts'
import { type DataKey, sealSecret } from './seal.ts'

export interface ResealOptions {
  db: Db
  place: () => RingPlace
  keys: DataKeys
  clock: () => Temporal.Instant
  /** Called after each page. */
  progress?: (done: number, total: number) => void
}

/** What a re-sealing did. */
export interface ResealReport {
  resealed: number
  /** Credentials whose secret does not open and was left as it is. */
  broken: string[]
}

/**
 * Begins a rotation: a new key in the ring, a new data key under it, every other data key retired. Only after it does anything
 * have to be sealed anew. Each step leaves a state in which everything opens, whatever dies in between.
 */
export async function beginRotation({ db, place, keys, clock }: ResealOptions): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await lockKeys(tx)
    // The file first: a ring key that wraps nothing is harmless, a data key whose ring key was lost is not.
    const ring = await addRingKey(place(), clock())
    keys.useRing(ring)
    const key = await insertNewDataKey(tx, ring.active, clock())
    await retireOtherDataKeys(tx, key.id, clock())
  })
  keys.useRing(keys.ring())
}

/**
 * Ends every rotation that was begun: secrets under retired data keys are sealed with the current one, data keys under older keys
 * of the ring are wrapped with the active one, retired data keys that seal nothing are deleted. Others may write meanwhile: a
 * secret that changed under our hands is left to its writer and looked at again. May be run at any time, and again.
 */
export async function finishRotation(options: ResealOptions): Promise<ResealReport> {
  const { db, clock } = options
  await rewrapAll(options)
  const total = await countUnderRetiredKeys(db)
  const report: ResealReport = { resealed: 0, broken: [] }
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const broken: string[] = []
    const before = report.resealed
    for (let after: string | undefined; ; ) {
      const page = await pageUnderRetiredKeys(db, after, PAGE)
      if (page.length === 0) break
      after = page.at(-1)?.credential_id
      report.resealed += await resealPage(options, page, undefined, broken)
      options.progress?.(report.resealed, Math.max(total, report.resealed))
    }
    report.broken = broken
    if (report.resealed === before) break
  }
  // Whoever read the key before it was retired has long written what he sealed with it.
  await deleteUnusedDataKeys(db, clock().subtract({ hours: 1 }))
  return report
}

/** Pages are one transaction each: short enough not to hold up a writer, long enough to amortise the commit. */
const PAGE = 200
// Each pass but the last found something that was written meanwhile; endless writing must not keep us for ever.
const MAX_PASSES = 10

/** Forgets the keys of the ring that no data key is wrapped with. An older backup of the database then no longer opens. */
export async function dropOldRingKeys({ db, place, keys }: ResealOptions): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await lockKeys(tx)
    const inUse = (await listDataKeys(tx)).map((row) => row.ring_key_id)
    keys.useRing(await dropRingKeys(place(), inUse))
  })
}

/** Writes the ring's file as it is to be wrapped, while no other process changes it. */
export async function rewrapRing({ db, place, keys }: ResealOptions, may: { unwrap: boolean }): Promise<KeyRing> {
  return db.transaction().execute(async (tx) => {
    await lockKeys(tx)
    const ring = await rewriteKeyRing(place(), may)
    keys.useRing(ring)
    return ring
  })
}

/** Binds a system's secrets to another origin. What is bound to it already is passed over, so that a half-done run can be repeated. */
export async function rebindSecrets(options: ResealOptions, systemId: string, origin: string): Promise<ResealReport> {
  const report: ResealReport = { resealed: 0, broken: [] }
  for (let after: string | undefined; ; ) {
    const page = await pageBoundElsewhere(options.db, systemId, origin, after, PAGE)
    if (page.length === 0) return report
    after = page.at(-1)?.credential_id
    report.resealed += await resealPage(options, page, origin, report.broken)
    options.progress?.(report.resealed, report.resealed)
  }
}

/** Seals one page anew, for another origin if one is given; adds to `broken` what does not open. Answers how many changed. */
async function resealPage(
  { db, keys, clock }: ResealOptions,
  page: SecretRow[],
  origin: string | undefined,
  broken: string[],
): Promise<number> {
  // Not the remembered one: another rotation may just have retired it, and sealing with it again would get nowhere.
  const current = await keys.newest()
  const changes: [SecretRow, Resealed][] = []
  for (const row of page) {
    const changed = await resealRow(keys, current, row, origin ?? row.origin)
    if (changed === undefined) broken.push(row.credential_id)
    else changes.push([row, changed])
  }
  let done = 0
  await db.transaction().execute(async (tx) => {
    for (const [row, changed] of changes) if (await replaceSeal(tx, row, changed, clock())) done++
  })
  return done
}

async function resealRow(keys: DataKeys, current: DataKey, row: SecretRow, origin: string): Promise<Resealed | undefined> {
  const place: Place = { credentialId: row.credential_id, systemId: row.system_id, origin: row.origin }
  try {
    if (row.sealed === null) return { origin, sealed: null, data_key_id: null, reference_mac: rebound(keys, row, place, origin) }
    const value = await openWith(keys, place, row.sealed)
    const sealed = sealSecret(current, { ...place, origin }, value)
    return { origin, sealed, data_key_id: current.id, reference_mac: null }
  } catch (error) {
    // One secret that does not open must not keep the others under an old key.
    if (error instanceof RevenantError) return undefined
    throw error
  }
}

/** The seal of a reference for another origin; null for a shredded one. */
function rebound(keys: DataKeys, { reference, reference_mac }: SecretRow, place: Place, origin: string): Uint8Array | null {
  if (reference === null) return null
  const key = keys.ring().fingerprintKey
  checkReference(key, place, reference, reference_mac)
  return sealReference(key, { ...place, origin }, reference)
}

async function rewrapAll({ db, keys }: ResealOptions): Promise<void> {
  const { active } = keys.ring()
  for (const row of await listDataKeys(db)) {
    if (row.ring_key_id === active.id) continue
    const key = await keys.unwrap(row).catch((error: unknown) => {
      // What it seals is reported as broken, secret by secret.
      if (error instanceof RevenantError) return undefined
      throw error
    })
    if (key !== undefined)
      await rewrapDataKey(db, row.id, row.ring_key_id, { wrapped: wrapDataKey(active, key), ringKeyId: active.id })
  }
}
