import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { errorCode, RevenantError } from '../domain/error.ts'
import type { Transport } from '../domain/system.ts'
import type { HttpTrust } from './probe.ts'

/** An absolute http(s) address without user, fragment and control characters. */
export const urlSchema = z
  .string()
  .max(2_048)
  .superRefine((text, context) => {
    const url = URL.parse(text)
    const fault =
      url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')
        ? 'an absolute address that begins with https:// or http://'
        : url.username !== '' || url.password !== ''
          ? 'no credentials in an address: they belong into the secret'
          : url.hash !== ''
            ? 'no fragment in an address'
            : undefined
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault })
  })

/** What every HTTP target may say of its transport. `disable` only repeats what an `http://` address already spells. */
export const transportFields = {
  tls: z.enum(['verify', 'insecure', 'disable']).optional(),
  /** Path of a PEM file: trusted in place of the system's certificates. */
  ca: z.string().min(1).max(4_096).optional(),
}

export interface TransportTarget {
  tls?: 'verify' | 'insecure' | 'disable' | undefined
  ca?: string | undefined
}

/** Says what `tls` contradicts in the address, or undefined. */
export function transportFault(url: string, { tls, ca }: TransportTarget): string | undefined {
  const clear = url.startsWith('http:')
  if (clear && tls !== undefined && tls !== 'disable') return `tls: ${tls} needs an https:// address`
  if (!clear && tls === 'disable') return 'tls: disable needs an http:// address'
  return clear && ca !== undefined ? 'a ca is of no use with an http:// address' : undefined
}

export function transportOf(url: string, { tls }: TransportTarget): Transport {
  if (url.startsWith('http:')) return 'clear'
  return tls === 'insecure' ? 'insecure' : 'verified'
}

/** Reads the CA file, if one is given. Throws CONFIG_UNREADABLE. */
export function trustOf({ tls, ca }: TransportTarget): HttpTrust {
  const rejectUnauthorized = tls !== 'insecure'
  if (ca === undefined) return { rejectUnauthorized }
  try {
    return { rejectUnauthorized, ca: readFileSync(ca, 'utf8') }
  } catch (error) {
    throw new RevenantError('CONFIG_UNREADABLE', `cannot read the CA file ${ca} (${errorCode(error) ?? 'unknown error'})`, {
      cause: error,
    })
  }
}

/** What may stand in a header, a query or a cookie: visible ASCII and spaces inside, no line breaks. */
export const secretText = z
  .string()
  .min(1)
  .max(16_384)
  .refine((text) => text.trim() !== '', 'empty')
  // A line break would end the header and begin another.
  .refine((text) => !/\p{Cc}/u.test(text), 'control characters and line breaks are not allowed')

const FORBIDDEN_HEADERS = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'keep-alive',
  'te',
  'trailer',
  'expect',
  'user-agent',
  'x-api-key',
  'api-key',
  'x-auth-token',
  'x-vault-token',
  'private-token',
])

/** Constant headers of a request. Those that carry credentials belong into the secret, those of the connection to the client. */
export const constantHeaders = z.record(
  z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'not a header name')
    .refine((name) => !FORBIDDEN_HEADERS.has(name.toLowerCase()), 'this header is set by the probe, or carries a credential'),
  z
    .string()
    .max(4_096)
    .refine((text) => /^[\x20-\x7e]*$/.test(text), 'visible ASCII only'),
)
