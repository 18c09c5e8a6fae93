import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256 as digest } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'
import type { Crypto, SignatureScheme, Verifier } from '../../evidence/crypto.ts'

/*
 * src/evidence/crypto.ts as a browser does it: the build puts this file in its place. Not WebCrypto, which hashes no pieces, knows
 * Ed25519 in the newest browsers only, and answers later: the log is verified hash by hash.
 */

export const sha256: Crypto['sha256'] = (bytes) => digest(bytes)

export const openHasher: Crypto['openHasher'] = () => {
  const hasher = digest.create()
  return {
    update: (bytes) => {
      hasher.update(bytes)
    },
    hex: () => bytesToHex(hasher.digest()),
  }
}

export const verifierOf: Crypto['verifierOf'] = (scheme, raw) => {
  const key = Uint8Array.from(raw)
  // What has not the length of a signature is none; the libraries throw there.
  return (message, signature) => signature.length === LENGTHS[scheme] && VERIFIERS[scheme](key)(message, signature)
}

const LENGTHS: Record<SignatureScheme, number> = { ed25519: 64, 'ml-dsa-44': 2_420 }

const VERIFIERS: Record<SignatureScheme, (key: Uint8Array) => Verifier> = {
  // Strict, as OpenSSL is: not by the laxer rules of ZIP 215.
  ed25519: (key) => (message, signature) => ed25519.verify(signature, message, key, { zip215: false }),
  'ml-dsa-44': (key) => (message, signature) => ml_dsa44.verify(signature, message, key),
}
