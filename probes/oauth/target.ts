import { z } from 'zod'
import { parseReference, REFERENCE_FORMS } from '../../src/domain/reference.ts'
import type { Transport } from '../../src/domain/system.ts'
import { secretText, transportFault, transportFields, transportOf, urlSchema } from '../../src/probe/http-target.ts'
import { pointerSchema } from '../../src/probe/pointer.ts'
import type { Effect } from '../../src/probe/probe.ts'

const reference = z
  .string()
  .max(2_048)
  .refine((text) => parseReference(text) !== undefined, `a secret stands here by reference: ${REFERENCE_FORMS}`)

const client = z.strictObject({
  id: secretText,
  secret: reference.optional(),
  /** A PEM or a JWK: the client signs its requests (private_key_jwt). */
  privateKey: reference.optional(),
})

const endpoint = urlSchema.optional()

const fields = z.strictObject({
  /** The issuer identifier, as its metadata spells it (RFC 8414 §2). */
  issuer: urlSchema.refine((url) => !url.includes('?'), 'an issuer has no query'),
  /** Where the metadata lie below the issuer: `openid` `/.well-known/openid-configuration`, `oauth` RFC 8414's. */
  metadata: z.enum(['openid', 'oauth']).default('openid'),
  /** Endpoints that are not looked up in the metadata. Where all that are needed are given, none are asked for. */
  endpoints: z.strictObject({ token: endpoint, introspection: endpoint, userinfo: endpoint, revocation: endpoint }).default({}),
  /** Further origins at which the metadata may name an endpoint. A secret is sent nowhere else. */
  reaches: z
    .array(urlSchema.refine((url) => new URL(url).pathname === '/' && !url.includes('?'), 'an origin, without a path'))
    .max(8)
    .default([]),
  /** How a client sends its secret. */
  clientAuth: z.enum(['basic', 'post']).default('basic'),
  /**
   * How clients are asked: at the token endpoint with a made-up refresh token, at the revocation endpoint with one, or for a token of
   * their own, which the server then issues.
   */
  clients: z.enum(['refresh_token', 'revocation', 'client_credentials']).default('refresh_token'),
  /** The client of refresh tokens that do not bring their own. Without a secret: a public one. */
  client: client.optional(),
  /** Who may ask the introspection endpoint. */
  introspect: client.extend({ refreshTokens: z.boolean().default(true) }).optional(),
  /** A scope that the server is known to refuse after it has weighed the refresh token, and without spending it. */
  unregisteredScope: z
    .string()
    .max(128)
    // scope-token of RFC 6749 §3.3.
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'one scope, without blanks')
    .optional(),
  /** Refresh tokens are redeemed. `rotating`: the server gives each a successor. `lasting`: a token stays as it is. */
  redeem: z.enum(['rotating', 'lasting']).optional(),
  /**
   * What a rotating server does with a token that has a successor. `ended`: it is refused for good, at once or after a short leeway
   * (RFC 9700 §4.14.2); only there the refusal of a successor proves that the token it replaced is dead as well.
   */
  predecessors: z.enum(['ended', 'unknown']).default('unknown'),
  /** Where an introspection or the userinfo endpoint says who this is: `/email`. */
  principal: pointerSchema.optional(),
  ...transportFields,
})

export const targetSchema = fields.superRefine((target, context) => {
  const issue = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message })
  const fault = transportFault(target.issuer, target)
  if (fault !== undefined) issue(['tls'], fault)
  for (const [path, url] of addressesOf(target)) {
    if (url.startsWith('http:') && target.issuer.startsWith('https:')) issue(path, 'in clear, while the issuer has TLS')
  }
  for (const name of ['client', 'introspect'] as const) {
    const of = target[name]
    if (of?.secret !== undefined && of.privateKey !== undefined) issue([name], 'a secret or a key, not both')
    if (name === 'introspect' && of !== undefined && of.secret === undefined && of.privateKey === undefined)
      issue([name], 'a secret or a key: nobody may introspect without one (RFC 7662 §2.1)')
  }
  // One question for refresh tokens, and what changes nothing comes first.
  if (target.predecessors === 'ended' && target.redeem !== 'rotating') issue(['predecessors'], 'only beside redeem: rotating')
  const harmless = target.introspect?.refreshTokens === true
  const spare = (['unregisteredScope', 'redeem'] as const).filter((name) => target[name] !== undefined)
  if (harmless) for (const name of spare) issue([name], 'not needed: refresh tokens are introspected (introspect.refreshTokens)')
  else if (spare.length === 2) issue(['redeem'], 'not needed: unregisteredScope asks without spending the token')
})

export type Target = z.infer<typeof targetSchema>
export type ClientEntry = z.infer<typeof client>
export type Endpoint = keyof Target['endpoints']

/** How a target's refresh tokens are asked for; undefined: not at all. */
export function refreshQuestionOf(target: Target): 'introspect' | 'scope' | 'redeem' | undefined {
  if (target.introspect?.refreshTokens === true) return 'introspect'
  if (target.unregisteredScope !== undefined) return 'scope'
  return target.redeem === undefined ? undefined : 'redeem'
}

/** What a replay at this target can change: where tokens are redeemed or issued, and nowhere else. */
export function effectsAt({ redeem, clients }: Target): readonly Effect[] {
  if (redeem === 'rotating') return ['prolongs-life', 'rotates-token', 'mints-session']
  if (redeem === 'lasting') return ['prolongs-life', 'mints-session']
  return clients === 'client_credentials' ? ['mints-session'] : []
}

export function originOf({ issuer }: Target): string {
  return new URL(issuer).origin
}

/** Every other origin that a secret may be sent to. */
export function alsoReaches(target: Target): string[] {
  const all = new Set(addressesOf(target).map(([, url]) => new URL(url).origin))
  all.delete(originOf(target))
  return [...all].toSorted()
}

export function transportAt(target: Target): Transport {
  const clear = addressesOf(target).find(([, url]) => url.startsWith('http:'))
  return transportOf(clear?.[1] ?? target.issuer, target)
}

function addressesOf({ endpoints, reaches }: Target): [path: (string | number)[], url: string][] {
  return [
    ...Object.entries(endpoints).flatMap(([name, url]): [string[], string][] =>
      url === undefined ? [] : [[['endpoints', name], url]],
    ),
    ...reaches.map((url, index): [(string | number)[], string] => [['reaches', index], url]),
  ]
}
