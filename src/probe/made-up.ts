import { randomBytes, randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'

const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const UPPER = LOWER.toUpperCase()
const DIGITS = '0123456789'
const BASE62 = DIGITS + UPPER + LOWER

/** A made-up principal that no directory holds: 64 random bits behind a name that tells an administrator what this is. */
export function madeUpName(): string {
  return `revenant-decoy-${randomBytes(8).toString('hex')}`
}

/** RFC 2606 reserves `.invalid`: nobody's address. */
export function madeUpEmail(): string {
  return `${madeUpName()}@example.invalid`
}

/** A password that fits the usual rules, 128 random bits. */
export function madeUpPassword(): string {
  return `Rv1-${randomBytes(16).toString('base64url')}`
}

/** Random characters below this many are too few to be sure that nobody holds the token: 16 hexadecimal digits are 64 bits. */
const MIN_RANDOM = 16

/**
 * A token of the same shape: same length, punctuation and alphabet, the prefix kept, everything else random. A server then
 * refuses it because it does not know it, not because it looks wrong. A JWT keeps its header; see `madeUpJwt`.
 *
 * @param keep prefixes to keep word for word, where one fits; without a fit, a short leading word up to `_`, `-` or `.` is kept
 */
export function madeUpToken(
  like: string,
  keep: readonly string[] = [],
  principal: 'stranger' | 'same-principal' = 'stranger',
): string {
  if (isJwt(like)) return madeUpJwt(like, principal)
  const prefix = keep.find((candidate) => like.startsWith(candidate)) ?? /^[A-Za-z][A-Za-z0-9]{0,9}[_.-]/.exec(like)?.[0] ?? ''
  const rest = like.slice(prefix.length)
  if (rest.replace(/[^A-Za-z0-9]/g, '').length < MIN_RANDOM) return prefix + random(BASE62, 2 * MIN_RANDOM)
  return prefix + withChecksum(rest)
}

/**
 * A JWT that only its signature tells from a real one: a server that does not check signatures accepts it, which is what a
 * decoy is there to find. A stranger's also loses every claim that could name somebody.
 */
function madeUpJwt(like: string, principal: 'stranger' | 'same-principal'): string {
  const [header = '', payload = '', signature = ''] = like.split('.')
  const claims = principal === 'stranger' ? strangerClaims(payload) : payload
  return `${header}.${claims}.${randomBytes(Math.max(32, Math.floor((signature.length * 3) / 4))).toString('base64url')}`
}

const KEPT_CLAIMS = ['iss', 'aud', 'exp', 'iat', 'nbf', 'scope', 'scp', 'typ']

function strangerClaims(payload: string): string {
  const claims = jsonObject(payload) ?? {}
  const kept = Object.fromEntries(Object.entries(claims).filter(([name]) => KEPT_CLAIMS.includes(name)))
  return Buffer.from(JSON.stringify({ ...kept, sub: madeUpName() })).toString('base64url')
}

function isJwt(token: string): boolean {
  const parts = token.split('.')
  return parts.length === 3 && jsonObject(parts[0] ?? '') !== undefined && jsonObject(parts[1] ?? '') !== undefined
}

function jsonObject(base64url: string): object | undefined {
  if (!/^[\w-]+$/.test(base64url)) return undefined
  try {
    const value: unknown = JSON.parse(Buffer.from(base64url, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

const CHECKSUM_LENGTH = 6

/**
 * GitHub's and npm's tokens end in a checksum, so that a made-up one is refused before it is looked up. Where the real one
 * carries it, ours does too. Source: github.blog 2021-04-05 and 2021-09-23; that the CRC-32 is taken of the random part alone
 * and written in base 62 (digits, upper case, lower case) is checked against the real token before it is used.
 */
function withChecksum(rest: string): string {
  if (!hasChecksum(rest)) return sameShape(rest)
  const body = sameShape(rest.slice(0, -CHECKSUM_LENGTH))
  return body + checksum(body)
}

function hasChecksum(rest: string): boolean {
  return rest.length > MIN_RANDOM + CHECKSUM_LENGTH && rest.endsWith(checksum(rest.slice(0, -CHECKSUM_LENGTH)))
}

/** CRC-32 in base 62, padded to six digits. */
export function checksum(text: string): string {
  let value = crc32(text)
  let digits = ''
  for (let at = 0; at < CHECKSUM_LENGTH; at++) {
    digits = BASE62.charAt(value % 62) + digits
    value = Math.floor(value / 62)
  }
  return digits
}

/** Digits alone stay digits; hexadecimal stays hexadecimal; else each letter and digit stays of its class. */
function sameShape(like: string): string {
  const whole = wholeAlphabet(like)
  return [...like].map((char) => (/[A-Za-z0-9]/.test(char) ? random(whole ?? classOf(char), 1) : char)).join('')
}

function wholeAlphabet(like: string): string | undefined {
  if (/^[\d-]+$/.test(like)) return DIGITS
  if (/^[0-9a-f-]+$/.test(like)) return `${DIGITS}abcdef`
  return /^[0-9A-F-]+$/.test(like) ? `${DIGITS}ABCDEF` : undefined
}

function classOf(char: string): string {
  if (DIGITS.includes(char)) return DIGITS
  return LOWER.includes(char) ? LOWER : UPPER
}

function random(alphabet: string, length: number): string {
  let text = ''
  for (let at = 0; at < length; at++) text += alphabet.charAt(randomInt(alphabet.length))
  return text
}
