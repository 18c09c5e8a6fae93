import { RevenantError } from '../domain/error.ts'
import type { SecretValue } from './box.ts'

/**
 * Checks that a secret is a JSON object of strings, none empty. Throws `SECRET_EMPTY` or `SECRET_INVALID`; the message names a
 * field and never a value. Whether the fields fit the probe is the caller's to check.
 */
export function parseSecretValue(value: unknown): SecretValue {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RevenantError('SECRET_INVALID', 'a secret is a JSON object whose values are strings, e.g. {"token": "..."}')
  }
  const entries = Object.entries(value).map(([key, field]: [string, unknown]): [string, string] => {
    if (typeof field !== 'string')
      throw new RevenantError('SECRET_INVALID', `the secret's field ${spellField(key)} must be a string`)
    // An empty password is an anonymous bind to LDAP, and no credential anywhere.
    if (field === '') throw new RevenantError('SECRET_EMPTY', `the secret's field ${spellField(key)} is empty`)
    return [key, field]
  })
  if (entries.length === 0) throw new RevenantError('SECRET_EMPTY', 'the secret has no fields')
  return Object.fromEntries(entries)
}

/** A slip can make a key of the secret itself: whatever does not look like a field is not quoted. */
export function spellField(key: string): string {
  return /^[A-Za-z][A-Za-z_]{0,23}$/.test(key) ? `"${key}"` : '(a key that is no field name)'
}
