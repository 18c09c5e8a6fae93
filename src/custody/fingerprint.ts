import { createHmac, type KeyObject } from 'node:crypto'
import canonicalize from 'canonicalize'
import { RevenantError } from '../domain/error.ts'
import { bindingOf } from './binding.ts'
import type { SecretValue } from './box.ts'

/**
 * Names a secret without telling it: `hmac-sha256:` and 16 hex digits, keyed with the ring's fingerprint key, over a scope and
 * the secret's canonical JSON (RFC 8785). The same secret in the same scope has the same fingerprint, whatever the order of its
 * fields. 64 bits tell a million secrets apart (a collision among them: 1 in 37 million).
 *
 * @param scope what fingerprints are compared within: a system's id, or a probe's kind
 */
export function fingerprint(key: KeyObject, scope: string, value: SecretValue): string {
  const text = canonicalize(value)
  if (text === undefined) throw new RevenantError('SECRET_INVALID', 'the secret has no JSON form')
  return `hmac-sha256:${createHmac('sha256', key)
    .update(bindingOf('revenant/fingerprint/v1', scope, text))
    .digest('hex')
    .slice(0, 16)}`
}
