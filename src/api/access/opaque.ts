import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto'

/** 256 bits, in the 43 characters of base64url: what nobody guesses and needs no salt. */
export function newOpaque(prefix = ''): string {
  return prefix + randomBytes(32).toString('base64url')
}

/** 128 bits, in 22 characters: for what lives for minutes, is used once, and must fit on a line of a terminal. */
export function newCode(): string {
  return randomBytes(16).toString('base64url')
}

export function isCode(text: string): boolean {
  return /^[A-Za-z0-9_-]{22}$/.test(text)
}

/** What is stored of it. */
export function digestOf(opaque: string): Uint8Array {
  return hash('sha256', opaque, 'buffer')
}

export const TOKEN_PREFIX = 'rvt_'

/** Whether a text may be such a secret at all; nothing else is looked up. */
export function isOpaque(text: string, prefix = ''): boolean {
  return text.startsWith(prefix) && /^[A-Za-z0-9_-]{43}$/.test(text.slice(prefix.length))
}

/** The token by which a page shows that it may read what this cookie's holder may: whoever can only make a browser send the cookie cannot. */
export function csrfOf(cookie: string): string {
  return createHmac('sha256', cookie).update('revenant csrf').digest('base64url')
}

export function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)]
  return a.length === b.length && timingSafeEqual(a, b)
}
