import { createHash, createPublicKey, hash, verify } from 'node:crypto'

/**
 * What verifying evidence needs of cryptography, here by node:crypto. It is the one part of it that a browser does otherwise
 * (src/dashboard/verify/crypto.ts, which the build puts in its place): whatever verifies takes it from here and from nowhere else.
 */
export interface Crypto {
  sha256: typeof sha256
  openHasher: typeof openHasher
  verifierOf: typeof verifierOf
}

/** SHA-256 of all bytes at once: 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}

/** SHA-256 of what comes in pieces. */
export interface Hasher {
  update(bytes: Uint8Array): void
  /** The end of it: hex. */
  hex(): string
}

export function openHasher(): Hasher {
  const hasher = createHash('sha256')
  return {
    update: (bytes) => {
      hasher.update(bytes)
    },
    hex: () => hasher.digest('hex'),
  }
}

/** Ed25519 as in RFC 8032, ML-DSA-44 as in FIPS 204 with an empty context. */
export type SignatureScheme = 'ed25519' | 'ml-dsa-44'

/** Whether a signature of these bytes holds. */
export type Verifier = (message: Uint8Array, signature: Uint8Array) => boolean

/** What makes a public key of the bytes in a vkey. */
const SPKI: Record<SignatureScheme, string> = {
  ed25519: '302a300506032b6570032100',
  'ml-dsa-44': '30820532300b06096086480165030403110382052100',
}

/** @param raw the public key: 32 bytes of Ed25519, 1312 of ML-DSA-44 */
export function verifierOf(scheme: SignatureScheme, raw: Uint8Array): Verifier {
  const key = createPublicKey({ key: Buffer.concat([Buffer.from(SPKI[scheme], 'hex'), raw]), format: 'der', type: 'spki' })
  return (message, signature) => verify(null, message, key, signature)
}
