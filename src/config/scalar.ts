import { validate } from 'node-cron'
import { z } from 'zod'
import { isLocal, LOCAL_REFERENCE_FORMS, parseReference, REFERENCE_FORMS, REFERENCES } from '../domain/reference.ts'

/** Lower-case words joined by hyphens: what systems, sinks, realms and zones are called in commands and metrics. */
export function name() {
  return z
    .string()
    .max(63, { error: 'must have at most 63 characters' })
    .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, {
      error: 'must be lower-case letters and digits joined by single hyphens, e.g. payroll-db',
    })
}

const ANY_REFERENCE = new RegExp(
  Object.values(REFERENCES)
    .map((row) => `(?:${row.pattern.source})`)
    .join('|'),
)

/** A reference to a secret, checked in form only. */
export function reference() {
  const error = `must be a reference (${REFERENCE_FORMS}), never the secret itself`
  return z
    .string()
    .regex(ANY_REFERENCE, { error, abort: true })
    .refine((text) => parseReference(text) !== undefined, { error })
}

/** A reference that is read before, or without, any secret manager. */
export function localReference() {
  const error = `must be a reference (${LOCAL_REFERENCE_FORMS}), never the secret itself`
  return z.string().refine((text) => isLocalReference(text), { error })
}

function isLocalReference(text: string): boolean {
  const reference = parseReference(text)
  return reference !== undefined && isLocal(reference)
}

/** A reference to a database URL, or such a URL without a password. */
export function databaseUrl() {
  return z.string().refine(isDatabaseUrl, { error: `must be a reference (${REFERENCE_FORMS}) or a postgres:// URL` })
}

function isDatabaseUrl(text: string): boolean {
  return parseReference(text) !== undefined || (/^postgres(?:ql)?:\/\//.test(text) && URL.canParse(text))
}

/** `127.0.0.1:8480`, `[::1]:8480`, `localhost:0`. */
export function address() {
  return z
    .string()
    .regex(ADDRESS, { error: 'must be HOST:PORT, e.g. 127.0.0.1:8480 or [::1]:8480', abort: true })
    .refine((text) => splitAddress(text).port <= 65_535, { error: 'must have a port of at most 65535' })
    .transform(splitAddress)
}

const ADDRESS = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/

function splitAddress(text: string): { host: string; port: number } {
  const match = ADDRESS.exec(text)
  return { host: match?.[1] ?? match?.[2] ?? '', port: Number(match?.[3]) }
}

/** A cron expression of five fields, or six with seconds first. */
export function cron() {
  return z
    .string()
    .refine((text) => validate(text), { error: 'must be a cron expression such as "*/15 * * * *" or "0 2 * * 1-5"' })
}

/** An IANA time zone name. */
export function timeZone() {
  return z.string().refine(isTimeZone, { error: 'must be an IANA time zone such as UTC or Europe/Berlin' })
}

function isTimeZone(text: string): boolean {
  // Intl also takes offsets (+01:00), which know no daylight saving and so move cut-offs twice a year.
  if (!/^[A-Za-z]/.test(text)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: text })
    return true
  } catch {
    return false
  }
}

/** Text for User-Agent, application_name and the like: one line of printable ASCII. */
export function printable(max: number) {
  return z
    .string()
    .min(1, { error: 'must not be empty' })
    .max(max, { error: `must have at most ${max} characters` })
    .regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/, { error: 'must be one line of printable ASCII' })
}

/** Free text of one line, not empty. */
export function line() {
  return z
    .string()
    .min(1, { error: 'must not be empty' })
    .max(200, { error: 'must have at most 200 characters' })
    .regex(/^[^\p{Cc}]*$/u, { error: 'must be one line' })
}

/** A whole number in a range. */
export function count(min: number, max: number) {
  return z
    .int()
    .min(min, { error: `must be at least ${min}` })
    .max(max, { error: `must be at most ${max}` })
}
