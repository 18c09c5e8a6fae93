import { createHmac } from 'node:crypto'
import { RevenantError } from '../../domain/error.ts'

/**
 * Reads the signing secrets of a webhook: `whsec_` and base64 of 24 to 64 bytes (Standard Webhooks, "Signature scheme"); several,
 * separated by spaces, while one replaces another. Throws SECRET_INVALID.
 */
export function signingKeys(secret: string): Buffer[] {
  const keys = secret.split(/\s+/).filter((part) => part !== '')
  if (keys.length === 0) throw invalid()
  return keys.map(signingKey)
}

/** The value of `webhook-signature`: one `v1,…` for each key, over `id.timestamp.body`. Takes seconds since 1970. */
export function sign(keys: readonly Buffer[], id: string, timestamp: number, body: string): string {
  return keys.map((key) => `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`).join(' ')
}

function signingKey(secret: string): Buffer {
  const base64 = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1]
  if (base64 === undefined) throw invalid()
  const key = Buffer.from(base64, 'base64')
  // Buffer.from stops at what it cannot read: only a round trip shows that the whole secret was read.
  const whole = key.toString('base64').replace(/=+$/, '') === base64.replace(/=+$/, '')
  if (!whole || key.length < 24 || key.length > 64) throw invalid()
  return key
}

function invalid(): RevenantError {
  return new RevenantError('SECRET_INVALID', 'the secret of a webhook must be whsec_ and the base64 of 24 to 64 bytes')
}
