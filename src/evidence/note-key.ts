import { RevenantError } from '../domain/error.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { type SignatureScheme, sha256, type Verifier, verifierOf } from './crypto.ts'

/**
 * The signature types that are verified here (C2SP signed-note v1.0.0, "Signature types"), and how long the key in a vkey is.
 * `ed25519` signs notes; the others are a witness's cosignatures of checkpoints.
 */
export const NOTE_KEY_TYPES = {
  ed25519: { byte: 0x01, bytes: 32, scheme: 'ed25519' },
  'ed25519-cosignature': { byte: 0x04, bytes: 32, scheme: 'ed25519' },
  'ml-dsa-44-cosignature': { byte: 0x06, bytes: 1312, scheme: 'ml-dsa-44' },
} as const satisfies Record<string, { byte: number; bytes: number; scheme: SignatureScheme }>

export type NoteKeyType = keyof typeof NOTE_KEY_TYPES

/** A key that verifies. */
export interface NoteKey {
  /** Without spaces and `+`. For a log the same as the origin. */
  name: string
  /** Four bytes in hex. Name and id together tell which key it is. */
  id: string
  type: NoteKeyType
  verifies: Verifier
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
  return { name, id, type, verifies: verifierOf(NOTE_KEY_TYPES[type].scheme, raw), vkey }
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

function invalid(vkey: string): RevenantError {
  return new RevenantError('EVIDENCE_INVALID', `this is no verifier key (name+id+base64): ${vkey.slice(0, 120)}`)
}
