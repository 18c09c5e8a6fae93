import { X509Certificate } from 'node:crypto'
import { isNameField } from '../domain/reference.ts'
import type { SecretValue } from './box.ts'
import { sshCertificateEnd } from './ssh-certificate.ts'

/** What a secret tells of its own end. */
export interface SecretDates {
  /** When it ends by its own date; undefined where it tells none. */
  expiresAt: Temporal.Instant | undefined
  /** A key of a cloud, which tells no date: a policy may give it an age. */
  isCloudKey: boolean
}

/**
 * Reads from a secret when it ends by its own date: `exp` of a JWT (RFC 7519 §4.1.4), `notAfter` of an X.509 certificate (the first of a
 * chain), `valid before` of an OpenSSH certificate. Of several the last one counts, and none where another field of the secret may outlive
 * them: a refresh token beside an access token. It says what the secret says, nothing about what its system makes of it, and never throws.
 */
export async function datesOf(value: SecretValue): Promise<SecretDates> {
  const fields = Object.entries(value).filter(([name, text]) => !isNameField(name) && !isKeyMaterial(name, text))
  const ends = await Promise.all(fields.map(([, text]) => endOf(text)))
  const isCloudKey = Object.values(value).some(isCloudKeyText)
  if (ends.length === 0 || ends.includes(undefined)) return { expiresAt: undefined, isCloudKey }
  const last = ends.reduce((a, b) => (a !== undefined && b !== undefined && Temporal.Instant.compare(a, b) < 0 ? b : a))
  return { expiresAt: last, isCloudKey }
}

/** A private key ends with its certificate; without one it has no end, and its file no dated field beside it. */
function isKeyMaterial(name: string, text: string): boolean {
  return /^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text.trimStart()) || name.toLowerCase() === 'passphrase'
}

const JWT = /^[\w-]{2,}\.[\w-]{2,}\.[\w-]*$/
const SSH_CERTIFICATE = /^(?:[a-z0-9-]+-cert-v01@openssh\.com) [A-Za-z0-9+/]+=*(?: |$)/

async function endOf(text: string): Promise<Temporal.Instant | undefined> {
  const trimmed = text.trim()
  if (JWT.test(trimmed)) return jwtEnd(trimmed)
  if (trimmed.startsWith('-----BEGIN CERTIFICATE-----')) return certificateEnd(trimmed)
  return SSH_CERTIFICATE.test(trimmed) ? instantOf(sshCertificateEnd(trimmed)) : undefined
}

async function jwtEnd(token: string): Promise<Temporal.Instant | undefined> {
  const { decodeJwt } = await import('jose/jwt/decode')
  try {
    const { exp } = decodeJwt(token)
    return typeof exp === 'number' ? instantOf(exp * 1_000) : undefined
  } catch {
    return undefined
  }
}

function certificateEnd(pem: string): Temporal.Instant | undefined {
  try {
    return instantOf(new X509Certificate(pem).validToDate.getTime())
  } catch {
    return undefined
  }
}

/** Years that databases and people can read: `9999-12-31` stands for "never" (RFC 5280 §4.1.2.5). */
const NEVER_MS = Date.UTC(9999, 0, 1)

/** Undefined for what is no date, or means that there is none. */
function instantOf(epochMs: number | undefined): Temporal.Instant | undefined {
  const ms = Math.floor(epochMs ?? Number.NaN)
  return Number.isFinite(ms) && ms >= 0 && ms < NEVER_MS ? Temporal.Instant.fromEpochMilliseconds(ms) : undefined
}

const AWS_KEY_ID = /^AKIA[A-Z2-7]{16}$/

/** The key id of an AWS user, or a service account's key file of Google Cloud: neither ends by itself. */
function isCloudKeyText(text: string): boolean {
  if (AWS_KEY_ID.test(text)) return true
  return /^\s*\{/.test(text) && /"type"\s*:\s*"service_account"/.test(text) && /"private_key_id"\s*:/.test(text)
}
