import { describeError } from './error-fields.ts'
import { REDACTED, scrubText } from './scrub.ts'

const MAX_ITEMS = 100
const MAX_DEPTH = 8

/**
 * The last line of defence of the log: a deep copy of `value` in which every value under a key that names a secret is replaced,
 * texts are scrubbed (see `scrubText`), errors are described without their driver's words, bytes are counted instead of shown.
 * Nothing may rely on it: code that logs a secret has a fault even when this hides it.
 */
export function sanitise(value: unknown): unknown {
  return copy(value, 0, [])
}

/** True for a key whose value is never shown: `password`, `refresh_token`, `X-Api-Key`, `privateKey`, `Set-Cookie`. */
export function namesSecret(key: string): boolean {
  const known = keyCache.get(key)
  if (known !== undefined) return known
  const plain = key.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  const secret = SECRET_ANYWHERE.test(plain) || SECRET_AT_END.test(plain)
  // Keys are words of our program; a map that outgrows that is fed from outside and starts again.
  if (keyCache.size >= 1_000) keyCache.clear()
  keyCache.set(key, secret)
  return secret
}

const keyCache = new Map<string, boolean>()
const SECRET_ANYWHERE = /password|passwd|passphrase|secret|authorization|cookie|privatekey|apikey|accesskey|signingkey|bearer/
const SECRET_AT_END = /(?:token|tokens|pwd|jwt|otp|assertion|signature|dsn|connectionstring)$/

function copy(value: unknown, depth: number, above: object[]): unknown {
  if (typeof value === 'string') return scrubText(value)
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`
  if (typeof value !== 'object' || value === null) return value
  if (above.includes(value)) return '[circular]'
  if (depth >= MAX_DEPTH) return '[too deep]'
  return copyObject(value, depth + 1, [...above, value])
}

function copyObject(value: object, depth: number, above: object[]): unknown {
  if (value instanceof Error) return describeError(value)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
  if (value instanceof Map || value instanceof Set) return `[${value.size} entries]`
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => copy(item, depth, above))
  try {
    if ('toJSON' in value && typeof value.toJSON === 'function') return copy(value.toJSON(), depth, above)
    return copyFields(value, depth, above)
  } catch {
    // A getter or a toJSON that throws must not take the log line with it.
    return '[unreadable]'
  }
}

function copyFields(value: object, depth: number, above: object[]): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [key, field] of Object.entries(value)) {
    const shown = typeof field === 'boolean' || field === undefined || field === null || !namesSecret(key)
    result[key] = shown ? copy(field, depth, above) : REDACTED
  }
  return result
}
