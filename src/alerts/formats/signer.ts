import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { RevenantError } from '../../domain/error.ts'

/** Signs for one audience, the same bytes with the same signature. Opened once; the private key does not leave it. */
export interface Signer {
  /** RFC 8037 (Ed25519) or RFC 7518 (RSA of 2048 bits or more). */
  readonly algorithm: 'EdDSA' | 'RS256'
  /** RFC 7638 thumbprint of the public key, unless one was given. */
  readonly keyId: string
  /** `iss`: an https URL that the receiver knows the public key by. */
  readonly issuer: string
  /** `aud`: what the receiver calls itself. */
  readonly audience: string
  /** The public key, to be published at the issuer's `jwks_uri`. */
  readonly publicJwk: Readonly<Record<string, string>>
  /** The compact JWS (RFC 7515 §7.1) of a payload. */
  sign(header: Readonly<Record<string, string>>, payload: string): string
}

/**
 * Opens a private key (PEM, PKCS #8). ECDSA keys are refused: their signatures differ from one try to the next, and a retry must
 * send the same bytes. Throws SECRET_INVALID, which never quotes the key.
 */
export function openSigner(options: { privateKey: string; issuer: string; audience: string; keyId?: string }): Signer {
  const key = privateKeyOf(options.privateKey)
  const algorithm = algorithmOf(key)
  const jwk = requiredMembers(createPublicKey(key).export({ format: 'jwk' }))
  const keyId = options.keyId ?? createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')
  return {
    algorithm,
    keyId,
    issuer: options.issuer,
    audience: options.audience,
    publicJwk: { ...jwk, kid: keyId, alg: algorithm, use: 'sig' },
    sign(header, payload) {
      const protectedHeader = { alg: algorithm, kid: keyId, ...header }
      const input = `${base64url(JSON.stringify(protectedHeader))}.${base64url(payload)}`
      // Ed25519 hashes by itself; RS256 is RSASSA-PKCS1-v1_5, which takes no random padding.
      const signature = sign(algorithm === 'EdDSA' ? null : 'sha256', Buffer.from(input), key)
      return `${input}.${signature.toString('base64url')}`
    },
  }
}

function privateKeyOf(pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    throw new RevenantError('SECRET_INVALID', 'the signing key is no unencrypted private key in PEM (PKCS #8)')
  }
}

const SHORTEST_RSA_BITS = 2_048

function algorithmOf(key: KeyObject): 'EdDSA' | 'RS256' {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'ed25519') return 'EdDSA'
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= SHORTEST_RSA_BITS) return 'RS256'
  throw new RevenantError('SECRET_INVALID', `the signing key must be Ed25519, or RSA of ${SHORTEST_RSA_BITS} bits or more`)
}

/** Of Ed25519 and RSA keys, in the order that the thumbprint of RFC 7638 §3.2 depends on. */
const REQUIRED_MEMBERS = ['crv', 'e', 'kty', 'n', 'x'] as const

function requiredMembers(jwk: object): Record<string, string> {
  return Object.fromEntries(
    REQUIRED_MEMBERS.flatMap((name) => {
      const value: unknown = Reflect.get(jwk, name)
      return typeof value === 'string' ? [[name, value]] : []
    }),
  )
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}
