import type { KeyObject } from 'node:crypto'
import { RevenantError } from '../domain/error.ts'
import { lockKeys } from '../store/data-key.ts'
import type { Db } from '../store/db.ts'
import { addLedgerKeyRow, type LedgerKeyRow, listLedgerKeys } from '../store/ledger-key.ts'
import { transact } from '../store/transact.ts'
import { isKeyName, type NoteKey, type NoteSigner, parseVkey } from './note-key.ts'
import { signerOf } from './note-signer.ts'

export interface LedgerSigners {
  /** Which log it is: the first line of its checkpoints, and the name of its keys. */
  readonly origin: string
  /** Every key that the log has had, as others verify with it; the newest last. */
  readonly keys: readonly NoteKey[]
  /** Those of them that the ring can sign with; the newest last. */
  readonly signers: readonly NoteSigner[]
}

export interface SignersOptions {
  db: Db
  /** The configured origin, if any. */
  origin: string | undefined
  /** What a new log is named after. */
  instance: string
  /** The private keys of the ring, the newest last. */
  readKeys(): Promise<readonly KeyObject[]>
  /** Makes the ring's first one. */
  makeKey(): Promise<readonly KeyObject[]>
  now(): Temporal.Instant
}

/**
 * The keys of this database's log. The newest key of the ring is taken up, with an entry, where the log does not know it yet: the
 * first one, and one that a rotation made.
 *
 * Throws `CONFIG_INVALID` where the configuration names another origin than the log has, `KEY_UNKNOWN` where the ring lacks the key
 * that signs.
 */
export async function openSigners(options: SignersOptions): Promise<LedgerSigners> {
  const { db } = options
  const known = await listLedgerKeys(db)
  const origin = originOf(options, known)
  let ring = await options.readKeys()
  // A log that has keys already is never given one by itself: that would hide that the ring is lost.
  if (ring.length === 0 && known.length === 0) ring = await options.makeKey()
  const held = ring.map((key) => signerOf(origin, key))
  const rows = await takeUp(options, origin, held)
  const keys = rows.map((row) => parseVkey(row.vkey))
  const signers = keys.flatMap((key) => held.find((signer) => signer.vkey === key.vkey) ?? [])
  const newest = keys.at(-1)
  if (newest === undefined || signers.at(-1)?.vkey !== newest.vkey) {
    // Another replica has named the log meanwhile: it has that name, and not the one that we thought of.
    if (known.length === 0 && newest !== undefined) return openSigners(options)
    throw new RevenantError(
      'KEY_UNKNOWN',
      `the key ring does not hold the key that signs the ledger (${newest?.vkey ?? 'none'}): restore the ring that belongs to this database, or go on with a new key: revenant ledger rotate-key`,
    )
  }
  return { origin, keys, signers }
}

/** Takes up a key that was just made for this log, whatever the ring knew before: a rotation, also one after a loss. */
export async function takeUpKey(options: SignersOptions): Promise<LedgerSigners> {
  const { db } = options
  const origin = originOf(options, await listLedgerKeys(db))
  const newest = (await options.readKeys()).map((key) => signerOf(origin, key)).at(-1)
  await transact(db, async (tx) => {
    await lockKeys(tx)
    const rows = await listLedgerKeys(tx)
    if (newest !== undefined && !rows.some((row) => row.vkey === newest.vkey))
      await addLedgerKeyRow(tx, newest.vkey, options.now())
  })
  return openSigners(options)
}

/** Whether these are the keys that the log has now. */
export async function areCurrent(db: Db, { keys }: LedgerSigners): Promise<boolean> {
  return (await listLedgerKeys(db)).at(-1)?.vkey === keys.at(-1)?.vkey
}

function originOf({ origin, instance, now }: SignersOptions, rows: readonly LedgerKeyRow[]): string {
  const first = rows[0]
  if (first === undefined) {
    // Two installations must not share a name by chance: a witness tells logs apart by it.
    const chance = now().epochMilliseconds.toString(36)
    return origin ?? `revenant.local/${instance.replaceAll(/[^A-Za-z0-9._-]/g, '-')}-${chance}`
  }
  const { name } = parseVkey(first.vkey)
  if (origin !== undefined && origin !== name) {
    throw new RevenantError(
      'CONFIG_INVALID',
      `ledger.origin is ${origin}, but the ledger of this database is ${name}, which its checkpoints have told others: leave it out, or write that`,
    )
  }
  return name
}

async function takeUp(options: SignersOptions, origin: string, held: readonly NoteSigner[]): Promise<LedgerKeyRow[]> {
  if (!isKeyName(origin)) throw new RevenantError('CONFIG_INVALID', 'ledger.origin must be free of spaces and plus signs')
  return transact(options.db, async (tx) => {
    // Replicas that start together on a new database: one of them names the log.
    await lockKeys(tx)
    const rows = await listLedgerKeys(tx)
    const newest = held.at(-1)
    if (newest === undefined || rows.some((row) => row.vkey === newest.vkey)) return rows
    // An older ring, or that of somebody else: its keys are not what was told to those who verify.
    const before = rows.at(-1)
    const knows = held.some((signer) => rows.some((row) => row.vkey === signer.vkey))
    if (before !== undefined && !knows) return rows
    await addLedgerKeyRow(tx, newest.vkey, options.now())
    return listLedgerKeys(tx)
  })
}
