import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'
import { RevenantError } from '../domain/error.ts'
import { bindingOf, type Place } from './binding.ts'
import type { SecretValue } from './box.ts'
import { parseSecretValue } from './secret-value.ts'

/** A key that seals secrets. */
export interface DataKey {
  id: string
  key: KeyObject
}

// version (1) | data key id (16) | nonce (12) | ciphertext | tag (16)
const VERSION = 1
const ID_AT = 1
const NONCE_AT = 17
const TEXT_AT = 29
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Seals a secret for one place: AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D §8.2.2; safe for 2³² seals a data key,
 * far more than there are credentials between rotations). Header and place are authenticated with it.
 */
export function sealSecret(dataKey: DataKey, place: Place, value: SecretValue): Uint8Array {
  const header = Buffer.alloc(NONCE_AT)
  header.writeUInt8(VERSION, 0)
  header.write(dataKey.id.replaceAll('-', ''), ID_AT, 'hex')
  return sealBytes(dataKey.key, header, aadOf(header, place), Buffer.from(JSON.stringify(value)))
}

/** Opens what `sealSecret` made. Throws `SEAL_BROKEN` for another key, another place, or one changed bit. */
export function openSealed(dataKey: DataKey, place: Place, sealed: Uint8Array): SecretValue {
  const header = Buffer.from(sealed.buffer, sealed.byteOffset, Math.min(NONCE_AT, sealed.byteLength))
  const plain = openBytes(dataKey.key, NONCE_AT, aadOf(header, place), sealed)
  if (plain === undefined) throw broken(place)
  try {
    return parseSecretValue(JSON.parse(plain.toString()))
  } finally {
    plain.fill(0)
  }
}

/** The data key that a sealed secret names. Throws `SEAL_BROKEN` where the bytes are none of ours. */
export function dataKeyIdOf(place: Place, sealed: Uint8Array): string {
  if (sealed.byteLength < TEXT_AT + TAG_BYTES || sealed[0] !== VERSION) throw broken(place)
  const hex = Buffer.from(sealed.buffer, sealed.byteOffset + ID_AT, NONCE_AT - ID_AT).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** header | nonce | ciphertext | tag. */
export function sealBytes(key: KeyObject, header: Uint8Array, aad: Uint8Array, plain: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(aad)
  return Buffer.concat([header, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** Opens `sealBytes`; undefined when the key, the additional data or a byte is another. */
export function openBytes(key: KeyObject, headerBytes: number, aad: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  const textAt = headerBytes + NONCE_BYTES
  const tagAt = sealed.byteLength - TAG_BYTES
  if (tagAt < textAt) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(headerBytes, textAt), { authTagLength: TAG_BYTES })
  decipher.setAAD(aad)
  decipher.setAuthTag(sealed.subarray(tagAt))
  const plain = decipher.update(sealed.subarray(textAt, tagAt))
  try {
    // For GCM it adds no bytes: it is the check of the tag.
    decipher.final()
    return plain
  } catch {
    plain.fill(0)
    return undefined
  }
}

function aadOf(header: Buffer, place: Place): Buffer {
  return bindingOf('revenant/secret/v1', header.toString('latin1'), place.credentialId, place.systemId, place.origin)
}

function broken(place: Place): RevenantError {
  return new RevenantError(
    'SEAL_BROKEN',
    `the secret of credential ${place.credentialId} does not open: it was changed, or sealed for another credential, system or origin`,
  )
}
