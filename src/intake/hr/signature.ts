import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { duration } from '../../config/duration.ts'
import { parseInstant } from '../instant.ts'

const header = () =>
  z
    .string()
    .max(100)
    .regex(/^[A-Za-z0-9-]+$/, { error: 'must be the name of a header' })

/** How a sender signs what it sends: HMAC, as data. */
export const signatureSchema = z
  .strictObject({
    header: header().describe('Has the signature; of several, separated by spaces, one must be right.'),
    algorithm: z.enum(['sha256', 'sha512']).default('sha256').describe('The hash of the HMAC.'),
    encoding: z.enum(['hex', 'base64']).default('hex').describe('How the signature is written.'),
    prefix: z.string().max(20).default('').describe('What stands before a signature, such as `sha256=`.'),
    signs: z
      .string()
      .max(100)
      .default('{body}')
      .describe(
        'What is signed: `{body}` with, where they are signed as well, `{timestamp}` and `{id}`, and what stands between them.',
      ),
    timestamp: header()
      .exactOptional()
      .describe('The header with the time of sending: seconds or milliseconds since 1970, or RFC 3339.'),
    tolerance: duration('1s', '1d').prefault('5m').describe('How far that may be from now.'),
    id: header().exactOptional().describe('The header with the id of the event, where it is signed.'),
    secret: z
      .enum(['text', 'base64'])
      .default('text')
      .describe('What the secret is: the text itself, or base64, with or without `whsec_` before it.'),
  })
  .refine(({ signs }) => signs.split('{body}').length === 2, { path: ['signs'], error: 'must hold {body} once' })
  .refine(({ signs, timestamp }) => signs.includes('{timestamp}') === (timestamp !== undefined), {
    path: ['signs'],
    error: 'must hold {timestamp} where timestamp names a header, and only there: what is not signed proves nothing',
  })
  .refine(({ signs, id }) => signs.includes('{id}') === (id !== undefined), {
    path: ['signs'],
    error: 'must hold {id} where id names a header, and only there: what is not signed proves nothing',
  })
export type SignatureScheme = z.output<typeof signatureSchema>

/** `bad`: missing or wrong. `stale`: right, and sent too long ago or from the future. */
export type Verified = { is: 'good'; replayKey: string } | { is: 'bad' | 'stale' }

export interface SignedRequest {
  header(name: string): string | undefined
  body: Buffer
}

const MOST_SIGNATURES = 10

/**
 * Verifies a request against every secret in use; how long it takes tells nobody which one was right. `replayKey` is the same for the
 * same request: the signed id, or the signature where there is none.
 */
export function verifySignature(
  scheme: SignatureScheme,
  secrets: readonly string[],
  request: SignedRequest,
  now: Temporal.Instant,
): Verified {
  const timestamp = scheme.timestamp === undefined ? '' : request.header(scheme.timestamp)
  const id = scheme.id === undefined ? '' : request.header(scheme.id)
  const given = signaturesOf(scheme, request.header(scheme.header))
  if (timestamp === undefined || id === undefined) return { is: 'bad' }
  let signed: Buffer | undefined
  for (const secret of secrets) {
    const right = hmac(scheme, keyOf(scheme, secret), { timestamp, id, body: request.body })
    for (const each of given) if (each.length === right.length && timingSafeEqual(each, right)) signed ??= right
  }
  if (signed === undefined) return { is: 'bad' }
  if (scheme.timestamp !== undefined && !isNear(timestamp, now, scheme.tolerance)) return { is: 'stale' }
  return { is: 'good', replayKey: hash('sha256', scheme.id === undefined ? signed : Buffer.from(`id:${id}`), 'hex') }
}

function signaturesOf({ prefix, encoding }: SignatureScheme, value: string | undefined): Buffer[] {
  return (value ?? '')
    .split(/\s+/)
    .slice(0, MOST_SIGNATURES)
    .flatMap((each) => {
      if (!each.startsWith(prefix)) return []
      const text = each.slice(prefix.length)
      const form = encoding === 'hex' ? /^(?:[0-9a-fA-F]{2})+$/ : /^[A-Za-z0-9+/]+={0,2}$/
      return form.test(text) ? [Buffer.from(text, encoding)] : []
    })
}

function hmac(
  { algorithm, signs }: SignatureScheme,
  key: Buffer,
  parts: { timestamp: string; id: string; body: Buffer },
): Buffer {
  const mac = createHmac(algorithm, key)
  for (const piece of signs.split(/(\{(?:body|timestamp|id)\})/)) {
    if (piece === '{body}') mac.update(parts.body)
    else mac.update(piece === '{timestamp}' ? parts.timestamp : piece === '{id}' ? parts.id : piece)
  }
  return mac.digest()
}

function keyOf({ secret: form }: SignatureScheme, secret: string): Buffer {
  const text = secret.trim()
  return form === 'text' ? Buffer.from(text) : Buffer.from(text.replace(/^whsec_/, ''), 'base64')
}

function isNear(timestamp: string, now: Temporal.Instant, toleranceMs: number): boolean {
  const ms = /^\d{9,11}$/.test(timestamp)
    ? Number(timestamp) * 1_000
    : /^\d{12,14}$/.test(timestamp)
      ? Number(timestamp)
      : parseInstant(timestamp)?.epochMilliseconds
  return ms !== undefined && Math.abs(now.epochMilliseconds - ms) <= toleranceMs
}
