import { createPublicKey } from 'node:crypto'
import { RevenantError } from '../domain/error.ts'
import { listDataKeys } from '../store/data-key.ts'
import type { Db } from '../store/db.ts'
import { type HeldSecret, pageHeldSecrets } from '../store/held-secret.ts'
import { type LedgerKeyRow, listLedgerKeys } from '../store/ledger-key.ts'
import type { Place } from './binding.ts'
import { unwrapDataKey } from './data-keys.ts'
import { type KeyRing, lookAtKeyRing, type RingKey, type RingOutside, readKeyRing } from './key-ring.ts'
import { checkReference } from './reference-seal.ts'
import type { RingWraps } from './ring-wrap.ts'
import { type DataKey, dataKeyIdOf, openSealed } from './seal.ts'

/** Why a secret cannot be opened. */
export type LossReason = 'ring_closed' | 'ring_key_missing' | 'data_key_missing' | 'data_key_broken' | 'seal_broken'

export interface LostSecret {
  credentialId: string
  system: string
  identity: string
  label: string
  kept: 'sealed' | 'reference'
  reason: LossReason
}

/** What the keys open, and what can no longer be opened. */
export interface KeysReport {
  ring: {
    path: string
    state: 'open' | 'missing' | 'closed'
    /** Why it is not open. */
    fault: string | null
    /** The mode of a file that others can use, such as `0644`: such a ring is not opened. */
    tooOpen: string | null
    /** Null: not wrapped, or no file that could be read. */
    wrappedWith: string | null
    /** As the file names them, which it does in clear. Empty where it cannot be read at all. */
    keys: { id: string; createdAt: Temporal.Instant; active: boolean }[]
  }
  /** Of the database. */
  dataKeys: { id: string; ringKeyId: string; state: 'open' | LossReason }[]
  secrets: { held: number; open: number; lost: number }
  /** Systems with what is lost at each, the worst first. */
  systems: { system: string; lost: number }[]
  lost: LostSecret[]
  /** The ledger has been signed, and the ring holds no key that it would go on with. */
  ledgerKeysMissing: boolean
}

export interface CheckKeysOptions {
  db: Db
  keyRingPath: string
  wraps: RingWraps
  progress?: (done: number) => void
}

const PAGE = 500

/**
 * Tries every key and every secret, and changes nothing: neither the ring nor the database. References are not read; that their
 * binding to the credential can be checked is. Nothing in the report is secret.
 */
export async function checkKeys({ db, keyRingPath, wraps, progress }: CheckKeysOptions): Promise<KeysReport> {
  const { ring, report } = await openedRing(keyRingPath, wraps)
  const rows = await listDataKeys(db)
  const keys = new Map<string, DataKey | LossReason>(rows.map((row) => [row.id, keyOf(ring, row)]))
  const lost: LostSecret[] = []
  let held = 0
  for (let after: string | undefined; ; ) {
    const page = await pageHeldSecrets(db, after, PAGE)
    if (page.length === 0) break
    after = page.at(-1)?.credential_id
    held += page.length
    for (const row of page) {
      const reason = lossOf(ring, keys, row)
      if (reason !== undefined) lost.push(lostOf(row, reason))
    }
    progress?.(held)
  }
  return {
    ring: report,
    dataKeys: rows.map(({ id, ring_key_id }) => ({ id, ringKeyId: ring_key_id, state: stateOf(keys.get(id)) })),
    secrets: { held, open: held - lost.length, lost: lost.length },
    systems: countBySystem(lost),
    lost,
    ledgerKeysMissing: !goesOn(ring?.ledgerKeys ?? [], await listLedgerKeys(db)),
  }
}

/**
 * Whether the log goes on with these keys, as `openSigners` of the evidence has it: the ring's newest key is new to the log, which knows
 * another of the ring's (a rotation was cut short); or the ring holds the newest that the log knows.
 */
function goesOn(ring: readonly RingKey[], known: readonly LedgerKeyRow[]): boolean {
  const newest = known.at(-1)
  if (newest === undefined) return true
  const isOf = (row: LedgerKeyRow) => (key: RingKey) => row.vkey.endsWith(vkeyEnd(key))
  const isKnown = (key: RingKey) => known.some((row) => isOf(row)(key))
  const last = ring.at(-1)
  return last !== undefined && !isKnown(last) ? ring.some(isKnown) : ring.some(isOf(newest))
}

/** How the vkeys of an Ed25519 key end, `name+id+base64` (C2SP signed-note): its type and its 32 bytes. */
function vkeyEnd({ key }: RingKey): string {
  const raw = createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32)
  return `+${Buffer.concat([Buffer.of(0x01), raw]).toString('base64')}`
}

async function openedRing(path: string, wraps: RingWraps): Promise<{ ring: KeyRing | undefined; report: KeysReport['ring'] }> {
  let outside: RingOutside | undefined
  try {
    outside = await lookAtKeyRing(path)
    if (outside === undefined) return { ring: undefined, report: reportOf(path, 'missing', undefined, null) }
    const ring = await readKeyRing({ path, wraps })
    return { ring, report: reportOf(path, 'open', outside, null) }
  } catch (error) {
    if (!(error instanceof RevenantError)) throw error
    return { ring: undefined, report: reportOf(path, 'closed', outside, error.message) }
  }
}

function reportOf(
  path: string,
  state: KeysReport['ring']['state'],
  outside: RingOutside | undefined,
  fault: string | null,
): KeysReport['ring'] {
  const keys = outside?.keys.map((key) => ({ ...key, active: key.id === outside.active })) ?? []
  return { path, state, fault, tooOpen: outside?.tooOpen ?? null, wrappedWith: outside?.wrappedWith ?? null, keys }
}

function keyOf(ring: KeyRing | undefined, row: Parameters<typeof unwrapDataKey>[1]): DataKey | LossReason {
  if (ring === undefined) return 'ring_closed'
  try {
    return { id: row.id, key: unwrapDataKey(ring, row) }
  } catch (error) {
    if (!(error instanceof RevenantError)) throw error
    return error.code === 'KEY_UNKNOWN' ? 'ring_key_missing' : 'data_key_broken'
  }
}

function stateOf(key: DataKey | LossReason | undefined): 'open' | LossReason {
  return typeof key === 'string' ? key : key === undefined ? 'data_key_missing' : 'open'
}

function lossOf(
  ring: KeyRing | undefined,
  keys: ReadonlyMap<string, DataKey | LossReason>,
  row: HeldSecret,
): LossReason | undefined {
  const place: Place = { credentialId: row.credential_id, systemId: row.system_id, origin: row.origin }
  try {
    if (row.sealed === null) {
      if (ring === undefined) return 'ring_closed'
      checkReference(ring.fingerprintKey, place, row.reference ?? '', row.reference_mac)
      return undefined
    }
    const key = keys.get(dataKeyIdOf(place, row.sealed))
    if (typeof key !== 'object') return key ?? 'data_key_missing'
    openSealed(key, place, row.sealed)
    return undefined
  } catch (error) {
    if (error instanceof RevenantError) return 'seal_broken'
    throw error
  }
}

function lostOf(row: HeldSecret, reason: LossReason): LostSecret {
  const { credential_id: credentialId, system, identity, label } = row
  return { credentialId, system, identity, label, kept: row.sealed === null ? 'reference' : 'sealed', reason }
}

function countBySystem(lost: readonly LostSecret[]): KeysReport['systems'] {
  const counts = new Map<string, number>()
  for (const { system } of lost) counts.set(system, (counts.get(system) ?? 0) + 1)
  return [...counts]
    .map(([system, count]) => ({ system, lost: count }))
    .toSorted((a, b) => b.lost - a.lost || (a.system < b.system ? -1 : 1))
}
