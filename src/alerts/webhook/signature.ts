import { createHmac, createPrivateKey, createPublicKey, type KeyObject, sign as signEd25519 } from 'node:crypto'
import { RevenantError } from '../../domain/error.ts'

/** A key of either signature scheme of Standard Webhooks. */
export type SigningKey = { scheme: 'v1'; secret: Buffer } | { scheme: 'v1a'; privateKey: KeyObject }

/**
 * Reads the signing secrets of a webhook (Standard Webhooks, "Signature scheme"); several, of either kind, separated by spaces, while
 * one replaces another. Throws SECRET_INVALID.
 *
 * - `whsec_` and base64 of 24 to 64 bytes: HMAC-SHA256.
 * - `whsk_` and base64 of an Ed25519 private key: 32 bytes (the seed of RFC 8032 §5.1.5), or 64, the seed and its public key, as Svix
 *   writes it.
 */
export function signingKeys(secret: string): SigningKey[] {
  const keys = secret.split(/\s+/).filter((part) => part !== '')
  if (keys.length === 0) throw invalid()
  return keys.map(signingKey)
}

/** The value of `webhook-signature`: one signature for each key, over `id.timestamp.body`. Takes seconds since 1970. */
export function sign(keys: readonly SigningKey[], id: string, timestamp: number, body: string): string {
  const content = Buffer.from(`${id}.${timestamp}.${body}`)
  return keys.map((key) => `${key.scheme},${signatureOf(key, content).toString('base64')}`).join(' ')
}

function signatureOf(key: SigningKey, content: Buffer): Buffer {
  return key.scheme === 'v1'
    ? createHmac('sha256', key.secret).update(content).digest()
    : signEd25519(null, content, key.privateKey)
}

function signingKey(secret: string): SigningKey {
  const [, prefix, base64 = ''] = /^(whsec|whsk)_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? []
  const key = Buffer.from(base64, 'base64')
  // Buffer.from stops at what it cannot read: only a round trip shows that the whole secret was read.
  if (key.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, '')) throw invalid()
  if (prefix === 'whsec' && key.length >= 24 && key.length <= 64) return { scheme: 'v1', secret: key }
  if (prefix === 'whsk' && (key.length === 32 || key.length === 64)) return { scheme: 'v1a', privateKey: ed25519Key(key) }
  throw invalid()
}

/** PKCS #8 of an Ed25519 key is this head and the seed (RFC 8410 §7). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

function ed25519Key(key: Buffer): KeyObject {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, key.subarray(0, 32)]), format: 'der', type: 'pkcs8' })
  // A public half of another key: one of the two was copied wrongly, and no receiver could verify.
  if (key.length === 64 && !rawPublicKey(privateKey).equals(key.subarray(32))) throw invalid()
  return privateKey
}

/** The last 32 bytes of the SPKI (RFC 8410 §4). */
function rawPublicKey(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32)
}

function invalid(): RevenantError {
  return new RevenantError(
    'SECRET_INVALID',
    'the secret of a webhook must be whsec_ and the base64 of 24 to 64 bytes, or whsk_ and the base64 of an Ed25519 key of 32 or 64 bytes',
  )
}
