import { createPrivateKey, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { errorCode, RevenantError } from '../domain/error.ts'
import { newId } from '../domain/id.ts'
import { type Envelope, envelopeSchema, openEnvelope, sealEnvelope } from './ring-envelope.ts'
import { NO_WRAPS, type RingWraps, wrapName } from './ring-wrap.ts'

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

/** The file of a ring, and how it is wrapped; a path alone: not at all. What is written is written as `wraps.wrap` says. */
export type RingPlace = string | { path: string; wraps: RingWraps }

/**
 * Reads the key ring, or makes it where there is none and one may be made. Processes that start together agree on one ring.
 * Throws `KEY_RING_INVALID`.
 */
export async function openKeyRing(place: RingPlace, options: KeyRingOptions): Promise<KeyRing> {
  const found = await readIfThere(place)
  const path = pathOf(place)
  if (found !== undefined) return ringOf(path, found)
  if (!options.mayCreate) {
    throw invalid(path, 'is missing, and the database holds secrets that only it can open: restore it from its backup')
  }
  await createFile(place, newRing(options.now))
  return readKeyRing(place)
}

/** Reads the key ring. Throws `KEY_RING_INVALID` when it is missing, broken, open to others, or cannot be unwrapped. */
export async function readKeyRing(place: RingPlace): Promise<KeyRing> {
  return ringOf(pathOf(place), await needFile(place))
}

/** What a ring's file tells without being opened. */
export interface RingOutside {
  /** Its mode, such as `0644`, where others than its owner can use it: then it is not opened. */
  tooOpen: string | undefined
  /** Undefined: not wrapped. */
  wrappedWith: string | undefined
  active: string
  keys: { id: string; createdAt: Temporal.Instant }[]
}

/** Looks at the file, whatever its mode, and opens nothing. Undefined: there is none. Throws `KEY_RING_INVALID`. */
export async function lookAtKeyRing(path: string): Promise<RingOutside | undefined> {
  const file = await readFileIfThere(path, { anyMode: true })
  if (file === undefined) return undefined
  return {
    tooOpen: tooOpen((await stat(path)).mode),
    wrappedWith: file.version === 2 ? wrapName(file.wrap) : undefined,
    active: file.active,
    keys: file.keys.map(({ id, createdAt }) => ({ id, createdAt: Temporal.Instant.from(createdAt) })),
  }
}

/**
 * Writes the ring's file again as it is to be wrapped; its keys stay what they are. The caller sees to it that one process does so at a
 * time. Throws `KEY_RING_INVALID`, and leaves the file as it was.
 */
export async function rewriteKeyRing(place: RingPlace, may: { unwrap: boolean }): Promise<KeyRing> {
  const file = await needFile(place)
  await replaceFile(place, file, may)
  return ringOf(pathOf(place), file)
}

/** Adds a key to the ring and makes it the active one. The caller sees to it that one process does so at a time. */
export async function addRingKey(place: RingPlace, now: Temporal.Instant): Promise<KeyRing> {
  const file = await needFile(place)
  const key = newKey(now)
  await replaceFile(place, { ...file, active: key.id, keys: [...file.keys, key] })
  return readKeyRing(place)
}

/** Adds a key for the ledger's checkpoints. The caller sees to it that one process does so at a time. */
export async function addLedgerKey(place: RingPlace, now: Temporal.Instant): Promise<KeyRing> {
  const file = await needFile(place)
  // An Ed25519 seed is any 32 bytes (RFC 8032 §5.1.5), so that it is kept like the other keys.
  await replaceFile(place, { ...file, ledgerKeys: [...(file.ledgerKeys ?? []), newKey(now)] })
  return readKeyRing(place)
}

/** Forgets every key of the ring but these and the active one. The caller sees to it that one process does so at a time. */
export async function dropRingKeys(place: RingPlace, keep: readonly string[]): Promise<KeyRing> {
  const file = await needFile(place)
  const keys = file.keys.filter((key) => key.id === file.active || keep.includes(key.id))
  if (keys.length < file.keys.length) await replaceFile(place, { ...file, keys })
  return readKeyRing(place)
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

async function needFile(place: RingPlace): Promise<RingFile> {
  const file = await readIfThere(place)
  if (file === undefined) throw invalid(pathOf(place), 'is missing: restore it from its backup')
  return file
}

async function readIfThere(place: RingPlace): Promise<RingFile | undefined> {
  const path = pathOf(place)
  const file = await readFileIfThere(path)
  if (file?.version !== 2) return file
  const bytes = await openEnvelope(file, wrapsOf(place)).catch((error: unknown) => {
    throw error instanceof RevenantError ? invalid(path, error.message) : error
  })
  try {
    return fileSchema.parse(parseJson(path, bytes.toString()))
  } finally {
    bytes.fill(0)
  }
}

function pathOf(place: RingPlace): string {
  return typeof place === 'string' ? place : place.path
}

function wrapsOf(place: RingPlace): RingWraps {
  return typeof place === 'string' ? NO_WRAPS : place.wraps
}

async function readFileIfThere(path: string, { anyMode } = { anyMode: false }): Promise<RingFile | Envelope | undefined> {
  try {
    await checkMode(path, anyMode)
    return parseFile(path, await readFile(path, 'utf8'))
  } catch (error) {
    if (error instanceof RevenantError) throw error
    const code = errorCode(error) ?? 'unknown error'
    if (code === 'ENOENT') return undefined
    throw invalid(path, `cannot be read (${code})`)
  }
}

async function checkMode(path: string, any: boolean): Promise<void> {
  const found = await stat(path)
  if (!found.isFile()) throw invalid(path, 'is not a file')
  const mode = tooOpen(found.mode)
  if (!any && mode !== undefined) throw invalid(path, `can be read by others (mode ${mode}): run chmod 600 ${path}`)
}

/** Windows has no such bits: there the folder's access list protects the file. */
function tooOpen(mode: number): string | undefined {
  return process.platform === 'win32' || (mode & 0o077) === 0 ? undefined : (mode & 0o777).toString(8).padStart(4, '0')
}

function parseFile(path: string, text: string): RingFile | Envelope {
  const parsed = z.union([fileSchema, envelopeSchema]).safeParse(parseJson(path, text))
  if (parsed.success) return parsed.data
  throw broken(path)
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw broken(path)
  }
}

/** Neither JSON's nor the schema's message: both may quote key material. */
function broken(path: string): RevenantError {
  return invalid(path, 'is no key ring, or a broken one: restore it from its backup')
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
async function createFile(place: RingPlace, ring: RingFile): Promise<void> {
  const path = pathOf(place)
  const draft = await writeDraft(path, await envelopeOf(place, ring))
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

async function replaceFile(place: RingPlace, ring: RingFile, may = { unwrap: false }): Promise<void> {
  const path = pathOf(place)
  if (!may.unwrap) await checkStaysWrapped(place)
  const draft = await writeDraft(path, await envelopeOf(place, ring))
  try {
    await rename(draft, path)
  } catch (error) {
    await unlink(draft).catch(() => {})
    throw invalid(path, `cannot be replaced (${errorCode(error) ?? 'unknown error'}): rotation needs a writable folder`)
  }
  await syncFolder(path)
}

/** A ring that is wrapped stays so, whatever the configuration has lost, until somebody says that it shall not. */
async function checkStaysWrapped(place: RingPlace): Promise<void> {
  if (wrapsOf(place).wrap !== undefined) return
  const path = pathOf(place)
  const before = (await lookAtKeyRing(path))?.wrappedWith
  if (before !== undefined)
    throw invalid(
      path,
      `is wrapped with ${before}, and the configuration names no keyRing.wrap: put it back, or run revenant keys unwrap first`,
    )
}

async function envelopeOf(place: RingPlace, ring: RingFile): Promise<RingFile | Envelope> {
  const { wrap } = wrapsOf(place)
  if (wrap === undefined) return ring
  const outside = (entries: RingFile['keys'] = []) => entries.map(({ id, createdAt }) => ({ id, createdAt }))
  const index = { active: ring.active, keys: outside(ring.keys), ledgerKeys: outside(ring.ledgerKeys) }
  const bytes = Buffer.from(JSON.stringify(ring))
  try {
    return await sealEnvelope(bytes, index, wrap)
  } catch (error) {
    throw error instanceof RevenantError ? invalid(pathOf(place), error.message) : error
  } finally {
    bytes.fill(0)
  }
}

/** Writes the whole ring beside its place and through to the disk, so that a crash leaves the old file or the new one. */
async function writeDraft(path: string, ring: RingFile | Envelope): Promise<string> {
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
