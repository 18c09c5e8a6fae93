import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { RevenantError } from '../domain/error.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { isSame, sha256 } from './merkle.ts'

/**
 * The signature types that are verified here (C2SP signed-note v1.0.0, "Signature types"), and the SPKI header that makes a public
 * key of the bytes in a vkey. `ed25519` signs notes; the others are a witness's cosignatures of checkpoints.
 */
export const NOTE_KEY_TYPES = {
  ed25519: { byte: 0x01, bytes: 32, spki: '302a300506032b6570032100' },
  'ed25519-cosignature': { byte: 0x04, bytes: 32, spki: '302a300506032b6570032100' },
  'ml-dsa-44-cosignature': { byte: 0x06, bytes: 1312, spki: '30820532300b06096086480165030403110382052100' },
} as const satisfies Record<string, { byte: number; bytes: number; spki: string }>

export type NoteKeyType = keyof typeof NOTE_KEY_TYPES

/** A key that verifies. */
export interface NoteKey {
  /** Without spaces and `+`. For a log the same as the origin. */
  name: string
  /** Four bytes in hex. Name and id together tell which key it is. */
  id: string
  type: NoteKeyType
  key: KeyObject
  /** `name+id+base64`, as others are told it. */
  vkey: string
}

/** A key that signs. */
export interface NoteSigner extends NoteKey {
  type: 'ed25519'
  sign(text: string): Uint8Array
}

/** Reads a vkey. Throws `EVIDENCE_INVALID`: malformed, an id of another key, an unknown type. */
export function parseVkey(vkey: string): NoteKey {
  const [name = '', id = '', ...rest] = vkey.split('+')
  // Base64 has plus signs of its own.
  const bytes = decodeBase64(rest.join('+'))
  const type = typeOf(bytes?.[0])
  if (!isKeyName(name) || bytes === undefined || type === undefined) throw invalid(vkey)
  const raw = bytes.subarray(1)
  if (raw.length !== NOTE_KEY_TYPES[type].bytes || keyId(name, type, raw) !== id) throw invalid(vkey)
  return { name, id, type, key: publicKey(type, raw), vkey }
}

/** A signer of this name; of a private Ed25519 key, PKCS #8. Throws `EVIDENCE_INVALID` for a name that notes do not allow. */
export function signerOf(name: string, privateKey: KeyObject): NoteSigner {
  const raw = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(-NOTE_KEY_TYPES.ed25519.bytes)
  const key = parseVkey(formatVkey(name, 'ed25519', raw))
  return { ...key, type: 'ed25519', sign: (text) => sign(null, Buffer.from(text), privateKey) }
}

/** A new key of this name. */
export function newSigner(name: string): { signer: NoteSigner; skey: string } {
  const { privateKey } = generateKeyPairSync('ed25519')
  return { signer: signerOf(name, privateKey), skey: formatSkey(name, privateKey) }
}

/** `PRIVATE+KEY+name+id+base64`, as golang.org/x/mod/sumdb/note and the witnesses' tools write it. */
export function formatSkey(name: string, privateKey: KeyObject): string {
  const seed = privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-32)
  const { id } = signerOf(name, privateKey)
  return `PRIVATE+KEY+${name}+${id}+${encodeBase64(Buffer.concat([Buffer.of(NOTE_KEY_TYPES.ed25519.byte), seed]))}`
}

/** Reads what `formatSkey` wrote. The error does not quote it. */
export function parseSkey(skey: string): NoteSigner {
  const [word, kind, name = '', id, ...rest] = skey.split('+')
  const bytes = decodeBase64(rest.join('+'))
  const right = word === 'PRIVATE' && kind === 'KEY' && bytes?.length === 33 && bytes[0] === NOTE_KEY_TYPES.ed25519.byte
  if (!right || bytes === undefined) throw new RevenantError('EVIDENCE_INVALID', 'this is no signing key of a note')
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), bytes.subarray(1)])
  const signer = signerOf(name, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  if (signer.id !== id) throw new RevenantError('EVIDENCE_INVALID', 'the id of this signing key is that of another key')
  return signer
}

/** The vkey of a public key's bytes. */
export function formatVkey(name: string, type: NoteKeyType, raw: Uint8Array): string {
  const typed = Buffer.concat([Buffer.of(NOTE_KEY_TYPES[type].byte), raw])
  return `${name}+${keyId(name, type, raw)}+${encodeBase64(typed)}`
}

/** True for a name that a key of a note may have. */
export function isKeyName(name: string): boolean {
  return name.length > 0 && !/[\s+\p{White_Space}\p{Cc}]/u.test(name)
}

/** SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4]. */
function keyId(name: string, type: NoteKeyType, raw: Uint8Array): string {
  const bytes = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(NOTE_KEY_TYPES[type].byte), raw])
  return Buffer.from(sha256(bytes).subarray(0, 4)).toString('hex')
}

function typeOf(byte: number | undefined): NoteKeyType | undefined {
  for (const type of ['ed25519', 'ed25519-cosignature', 'ml-dsa-44-cosignature'] as const)
    if (NOTE_KEY_TYPES[type].byte === byte) return type
  return undefined
}

function publicKey(type: NoteKeyType, raw: Uint8Array): KeyObject {
  const der = Buffer.concat([Buffer.from(NOTE_KEY_TYPES[type].spki, 'hex'), raw])
  return createPublicKey({ key: der, format: 'der', type: 'spki' })
}

/** True for two spellings of one key. */
export function isSameKey(a: NoteKey, b: NoteKey): boolean {
  return a.name === b.name && a.id === b.id && isSame(spkiOf(a), spkiOf(b))
}

function spkiOf({ key }: NoteKey): Uint8Array {
  return key.export({ type: 'spki', format: 'der' })
}

function invalid(vkey: string): RevenantError {
  return new RevenantError('EVIDENCE_INVALID', `this is no verifier key (name+id+base64): ${vkey.slice(0, 120)}`)
}
