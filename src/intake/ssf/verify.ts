import { z } from 'zod'
import { RevenantError } from '../../domain/error.ts'
import { SetFault } from './fault.ts'
import type { SsfOptions } from './options.ts'
import type { Metadata, Transmitter } from './transmitter.ts'

/** A Security Event Token (RFC 8417) whose signature and claims are checked. */
export interface SecuritySet {
  jti: string
  issuedAt: Temporal.Instant
  /** `toe`: when it came to be, where the token says so. */
  happenedAt: Temporal.Instant | undefined
  /** `sub_id`, as it is; undefined where events have subjects of their own. */
  subject: unknown
  events: readonly SecurityEvent[]
  /** Members of complex subjects that must be understood. */
  criticalSubjects: readonly string[]
}

export interface SecurityEvent {
  uri: string
  claims: Readonly<Record<string, unknown>>
}

/**
 * Checks a token at an instant. Throws `SetFault` for one that will never be taken, and a RevenantError where it could not be told:
 * `SOURCE_UNREACHABLE` and `SOURCE_REFUSED`, then it may come again.
 */
export type VerifySet = (token: string, now: Temporal.Instant) => Promise<SecuritySet>

/** Clocks differ by so much. */
const AHEAD_S = 300
/** A key that is not known is not looked for again for so long: anybody can name one. */
const COOL_MS = 30_000
/** A key that the transmitter took back is believed for so long. */
const KEYS_MS = 600_000

const second = z
  .number()
  .min(0)
  .max(253_402_300_799)
  .transform((at) => Temporal.Instant.fromEpochMilliseconds(Math.floor(at * 1_000)))

const claimsSchema = z.object({
  jti: z.string().min(1).max(1_024),
  iat: second,
  toe: second.optional().catch(undefined),
  sub_id: z.unknown().optional(),
  events: z.record(z.string().min(1).max(1_000), z.record(z.string(), z.unknown())),
})

type Jose = typeof import('jose')
type Keys = ReturnType<Jose['createRemoteJWKSet']>

export function openVerify(options: SsfOptions, transmitter: Transmitter): VerifySet {
  const { algorithms, issuer, audience, acceptUntyped, maxAge } = options
  let kept: { url: string; keys: Keys } | undefined
  const keysOf = (jose: Jose, { jwks }: Metadata): Keys => {
    if (jwks === undefined) throw new RevenantError('SOURCE_REFUSED', 'the transmitter does not say where its keys are')
    if (kept?.url !== jwks) kept = { url: jwks, keys: openKeys(jose, jwks, transmitter) }
    return kept.keys
  }
  return async (token, now) => {
    const jose = await import('jose')
    const metadata = await transmitter.metadata()
    const keys = keysOf(jose, metadata)
    const cooling = keys.coolingDown
    const { payload } = await jose
      .jwtVerify(token, keys, {
        ...{ algorithms: [...algorithms], issuer, audience: [...audience], clockTolerance: AHEAD_S },
        ...(acceptUntyped ? {} : { typ: 'secevent+jwt' }),
        currentDate: new Date(now.epochMilliseconds),
      })
      .catch((error: unknown) => {
        throw faultOf(error, cooling)
      })
    return { ...readClaims(payload, now, maxAge), criticalSubjects: metadata.criticalSubjects }
  }
}

function openKeys(jose: Jose, jwks: string, { http }: Transmitter): Keys {
  return jose.createRemoteJWKSet(new URL(jwks), {
    ...{ cooldownDuration: COOL_MS, cacheMaxAge: KEYS_MS },
    [jose.customFetch]: async (url, { signal }) => {
      const { status, text } = await http({ method: 'GET', url, signal })
      return new Response(text, { status: status === 200 ? 200 : 502 })
    },
  })
}

function readClaims(payload: Readonly<Record<string, unknown>>, now: Temporal.Instant, maxAge: number) {
  // SSF 1.0: that nothing can be taken for an access token or an ID token, nor they for this.
  for (const claim of ['sub', 'exp'])
    if (payload[claim] !== undefined) throw new SetFault('invalid_request', `${claim} must not appear`)
  const parsed = claimsSchema.safeParse(payload)
  if (!parsed.success)
    throw new SetFault('invalid_request', `${String(parsed.error.issues[0]?.path[0] ?? 'a claim')} is missing or malformed`)
  const { jti, iat, toe, sub_id, events } = parsed.data
  const ageMs = now.epochMilliseconds - iat.epochMilliseconds
  if (ageMs < -AHEAD_S * 1_000) throw new SetFault('invalid_request', 'iat is in the future')
  if (ageMs > maxAge) throw new SetFault('invalid_request', 'iat is too long ago')
  const list = Object.entries(events).map(([uri, claims]) => ({ uri, claims }))
  if (list.length === 0 || list.length > 100) throw new SetFault('invalid_request', 'events must hold 1 to 100 events')
  return { jti, issuedAt: iat, happenedAt: toe, subject: sub_id, events: list }
}

const CLAIMS: Readonly<Record<string, ConstructorParameters<typeof SetFault>>> = {
  iss: ['invalid_issuer', 'iss is not the issuer of this stream'],
  aud: ['invalid_audience', 'aud is not an audience of this stream'],
  typ: ['invalid_request', 'typ must be secevent+jwt'],
  exp: ['invalid_request', 'exp must not appear'],
}

const CODES: Readonly<Record<string, ConstructorParameters<typeof SetFault>>> = {
  ERR_JWT_EXPIRED: ['invalid_request', 'exp must not appear'],
  ERR_JOSE_ALG_NOT_ALLOWED: ['invalid_key', 'alg is not accepted'],
  ERR_JWKS_NO_MATCHING_KEY: ['invalid_key', 'it is signed by a key that the transmitter does not publish'],
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: ['invalid_key', 'kid is missing, and several keys fit'],
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: ['authentication_failed', 'the signature is not of that key'],
}

/** What could not be asked about: the keys, not the token, are at fault. */
const TRANSIENT = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC'])

/** By the codes of the library; its words quote claims. */
function faultOf(error: unknown, cooling: boolean): Error {
  if (error instanceof RevenantError) return error
  const { code, claim } = z
    .object({ code: z.string().catch(''), claim: z.string().catch('') })
    .catch({ code: '', claim: '' })
    .parse(error instanceof Error ? { code: '', claim: '', ...error } : {})
  if (TRANSIENT.has(code)) return new RevenantError('SOURCE_UNREACHABLE', 'the keys of the transmitter cannot be read')
  // Not looked for just now: it may be a new one.
  if (code === 'ERR_JWKS_NO_MATCHING_KEY' && cooling)
    return new RevenantError('SOURCE_UNREACHABLE', 'its key is not known yet, and the keys were read just now')
  const [err, words] = (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED' ? CLAIMS[claim] : CODES[code]) ?? [
    'invalid_request',
    'it is no signed JWT that can be read',
  ]
  return new SetFault(err, words)
}
