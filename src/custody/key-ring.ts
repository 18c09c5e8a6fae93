import { createPrivateKey, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { errorCode, RevenantError } from '../domain/error.ts'
import { newId } from '../domain/id.ts'

/** The keys that everything else is protected by. */
export interface KeyRing {
  /** The key that new data keys are wrapped with. */
  readonly active: RingKey
  /** Every key, older ones included, so that an older backup of the database can still be opened. */
  readonly keys: readonly RingKey[]
  /** Makes fingerprints. Never changes: fingerprints are compared over years. */
  readonly fingerprintKey: KeyObject
  /** Ed25519 keys that sign the ledger's checkpoints, the newest last. Empty until a database first needs one. */
  readonly ledgerKeys: readonly RingKey[]
}

export interface RingKey {
  id: string
  createdAt: Temporal.Instant
  key: KeyObject
}

export interface KeyRingOptions {
  /** False while the database holds data keys: a new ring could open nothing and would hide that the old one is lost. */
  mayCreate: boolean
  now: Temporal.Instant
}

/**
 * Reads the key ring, or makes it where there is none and one may be made. Processes that start together agree on one ring.
 * Throws `KEY_RING_INVALID`.
 */
export async function openKeyRing(path: string, options: KeyRingOptions): Promise<KeyRing> {
  const found = await readIfThere(path)
  if (found !== undefined) return ringOf(path, found)
  if (!options.mayCreate) {
    throw invalid(path, 'is missing, and the database holds secrets that only it can open: restore it from its backup')
  }
  await createFile(path, newRing(options.now))
  return readKeyRing(path)
}

/** Reads the key ring. Throws `KEY_RING_INVALID` when it is missing, broken, or open to others. */
export async function readKeyRing(path: string): Promise<KeyRing> {
  return ringOf(path, await needFile(path))
}

/** Adds a key to the ring and makes it the active one. The caller sees to it that one process does so at a time. */
export async function addRingKey(path: string, now: Temporal.Instant): Promise<KeyRing> {
  const file = await needFile(path)
  const key = newKey(now)
  await replaceFile(path, { ...file, active: key.id, keys: [...file.keys, key] })
  return readKeyRing(path)
}

/** Adds a key for the ledger's checkpoints. The caller sees to it that one process does so at a time. */
export async function addLedgerKey(path: string, now: Temporal.Instant): Promise<KeyRing> {
  const file = await needFile(path)
  // An Ed25519 seed is any 32 bytes (RFC 8032 §5.1.5), so that it is kept like the other keys.
  await replaceFile(path, { ...file, ledgerKeys: [...(file.ledgerKeys ?? []), newKey(now)] })
  return readKeyRing(path)
}

/** Forgets every key of the ring but these and the active one. The caller sees to it that one process does so at a time. */
export async function dropRingKeys(path: string, keep: readonly string[]): Promise<KeyRing> {
  const file = await needFile(path)
  const keys = file.keys.filter((key) => key.id === file.active || keep.includes(key.id))
  if (keys.length < file.keys.length) await replaceFile(path, { ...file, keys })
  return readKeyRing(path)
}

const KEY_BYTES = 32

const keySchema = z.base64().refine((text) => Buffer.from(text, 'base64').length === KEY_BYTES)

const entrySchema = z.strictObject({ id: z.string().min(1), createdAt: z.iso.datetime(), key: keySchema })

const fileSchema = z
  .strictObject({
    version: z.literal(1),
    active: z.string().min(1),
    keys: z.array(entrySchema).min(1),
    fingerprintKey: keySchema,
    ledgerKeys: z.array(entrySchema).exactOptional(),
  })
  .refine((ring) => ring.keys.some((key) => key.id === ring.active))
  .refine((ring) => new Set(ring.keys.map((key) => key.id)).size === ring.keys.length)

type RingFile = z.infer<typeof fileSchema>

function newRing(now: Temporal.Instant): RingFile {
  const key = newKey(now)
  return { version: 1, active: key.id, keys: [key], fingerprintKey: randomBytes(KEY_BYTES).toString('base64') }
}

function newKey(now: Temporal.Instant): RingFile['keys'][number] {
  return { id: newId(), createdAt: now.toString(), key: randomBytes(KEY_BYTES).toString('base64') }
}

async function needFile(path: string): Promise<RingFile> {
  const file = await readIfThere(path)
  if (file === undefined) throw invalid(path, 'is missing: restore it from its backup')
  return file
}

async function readIfThere(path: string): Promise<RingFile | undefined> {
  try {
    await checkMode(path)
    return parseFile(path, await readFile(path, 'utf8'))
  } catch (error) {
    if (error instanceof RevenantError) throw error
    const code = errorCode(error) ?? 'unknown error'
    if (code === 'ENOENT') return undefined
    throw invalid(path, `cannot be read (${code})`)
  }
}

async function checkMode(path: string): Promise<void> {
  const found = await stat(path)
  if (!found.isFile()) throw invalid(path, 'is not a file')
  // Windows has no such bits: there the folder's access list protects it.
  if (process.platform === 'win32' || (found.mode & 0o077) === 0) return
  throw invalid(path, `can be read by others (mode ${(found.mode & 0o777).toString(8).padStart(4, '0')}): run chmod 600 ${path}`)
}

function parseFile(path: string, text: string): RingFile {
  try {
    return fileSchema.parse(JSON.parse(text))
  } catch {
    // Neither JSON's nor the schema's message: both may quote key material.
    throw invalid(path, 'is no key ring, or a broken one: restore it from its backup')
  }
}

function ringOf(path: string, file: RingFile): KeyRing {
  const ringKey = (entry: RingFile['keys'][number], key: KeyObject): RingKey => ({
    id: entry.id,
    createdAt: Temporal.Instant.from(entry.createdAt),
    key,
  })
  const keys = file.keys.map((entry) => ringKey(entry, secretKey(entry.key)))
  const ledgerKeys = (file.ledgerKeys ?? []).map((entry) => ringKey(entry, signingKey(entry.key)))
  const active = keys.find((key) => key.id === file.active)
  if (active === undefined) throw invalid(path, 'names an active key that it does not hold')
  return { active, keys, fingerprintKey: secretKey(file.fingerprintKey), ledgerKeys }
}

/** The header of a PKCS #8 Ed25519 key (RFC 8410 §7), before its 32 bytes. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

function signingKey(base64: string): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.from(base64, 'base64')]), format: 'der', type: 'pkcs8' })
}

function secretKey(base64: string): KeyObject {
  return createSecretKey(Buffer.from(base64, 'base64'))
}

/** Puts a complete file in place only where there is none: a link fails on an existing name, where a rename would replace it. */
async function createFile(path: string, ring: RingFile): Promise<void> {
  const draft = await writeDraft(path, ring)
  try {
    await link(draft, path)
  } catch (error) {
    const code = errorCode(error) ?? 'unknown error'
    // Another process was first: its ring is everybody's.
    if (code !== 'EEXIST') throw invalid(path, `cannot be made (${code}): its folder must be writable and allow hard links`)
  } finally {
    await unlink(draft)
  }
  await syncFolder(path)
}

async function replaceFile(path: string, ring: RingFile): Promise<void> {
  const draft = await writeDraft(path, ring)
  try {
    await rename(draft, path)
  } catch (error) {
    await unlink(draft).catch(() => {})
    throw invalid(path, `cannot be replaced (${errorCode(error) ?? 'unknown error'}): rotation needs a writable folder`)
  }
  await syncFolder(path)
}

/** Writes the whole ring beside its place and through to the disk, so that a crash leaves the old file or the new one. */
async function writeDraft(path: string, ring: RingFile): Promise<string> {
  const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(`${JSON.stringify(ring, null, 2)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    await unlink(draft).catch(() => {})
    throw invalid(path, `cannot be written (${errorCode(error) ?? 'unknown error'}): its folder must be writable`)
  }
  return draft
}

/** A new name is on the disk only once its folder is. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function invalid(path: string, message: string): RevenantError {
  return new RevenantError('KEY_RING_INVALID', `the key ring ${path} ${message}`)
}
