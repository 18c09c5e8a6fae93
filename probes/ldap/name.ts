import { randomBytes } from 'node:crypto'
import type { LdapSecret } from './secret.ts'

/** What a name template must contain. */
export const PLACEHOLDER = '{username}'

/**
 * The name to bind with: the secret's DN as it is, or the template with the username in it. Undefined when the secret has a
 * username and the target no template. A template with `=` is a DN and gets the username escaped by RFC 4514 §2.4; any other
 * (`{username}@corp.example`, `CORP\{username}`) is no DN and takes it as it is.
 */
export function bindName(template: string | undefined, secret: LdapSecret): string | undefined {
  if ('dn' in secret) return secret.dn
  if (template === undefined) return undefined
  const username = template.includes('=') ? escapeValue(secret.username) : secret.username
  return template.replaceAll(PLACEHOLDER, () => username)
}

/**
 * Whether Active Directory knows this form of name: a DN, `user@domain` or `DOMAIN\\user`. It refuses a bare account name as it
 * refuses a wrong password, and a mistake in a template must not read as a proof.
 */
export function isDomainName(name: string): boolean {
  return /[=@\\]/.test(name)
}

/** Escapes an attribute value for use in a DN (RFC 4514 §2.4), so that it cannot reach beyond its own place. */
export function escapeValue(value: string): string {
  return Array.from(value, (char, index) => {
    if (char === '\0') return '\\00'
    const edge = index === 0 ? ' #' : ''
    return `"+,;<=>\\${edge}`.includes(char) ? `\\${char}` : char
  })
    .join('')
    .replace(/(?<!^\\) $/, '\\ ')
}

/** A name for nobody who exists: 20 characters, which even a sAMAccountName takes. */
export function strangerName(): string {
  return `revenant${randomBytes(6).toString('hex')}`
}

/** A DN beside the given one, whose first value names nobody; a name that is no DN keeps its domain. */
export function strangerDn(dn: string): string {
  const stranger = strangerName()
  // The type of the first RDN, and what follows its first comma that no backslash escapes and no quotes hold (RFC 2253 let them).
  const parts = /^\s*([A-Za-z0-9.-]+)\s*=(?:[^\\,;"]|\\.|"(?:[^\\"]|\\.)*")*(.*)$/s.exec(dn)
  if (parts !== null) return `${parts[1]}=${stranger}${parts[2]}`
  const at = dn.lastIndexOf('@')
  if (at > 0) return `${stranger}${dn.slice(at)}`
  const backslash = dn.indexOf('\\')
  return backslash > 0 ? `${dn.slice(0, backslash + 1)}${stranger}` : stranger
}
