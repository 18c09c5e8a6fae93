import { isIP } from 'node:net'
import { z } from 'zod'
import { ROLES } from '../domain/access.ts'
import { isLoopbackHost } from '../domain/loopback.ts'
import { duration } from './duration.ts'
import { line, reference } from './scalar.ts'

/** `10.0.0.0/8`, `127.0.0.1`, `fd00::/8`. */
function network() {
  return z
    .string()
    .refine(isNetwork, { error: 'must be an IP address or a network such as 10.0.0.0/8', abort: true })
    .refine((text) => !/\/0+$/.test(text), {
      error: 'must not be every address there is: whoever sends the headers would be believed',
    })
}

function isNetwork(text: string): boolean {
  const [, address = '', prefix] = /^([0-9A-Fa-f:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  return bits > 0 && Number(prefix ?? 0) <= bits
}

const oidcSchema = z.strictObject({
  issuer: z
    .url({ protocol: /^https?$/, error: 'must be an https:// URL' })
    .max(500)
    .refine(isSafeIssuer, { error: 'must be an https:// URL: http:// is for a provider on this machine alone' })
    .describe('The provider, as its discovery document names itself.'),
  clientId: line().describe('What the provider calls Revenant.'),
  clientSecret: reference().exactOptional().describe('A reference. Left out: a public client, which PKCE alone protects.'),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/, { error: 'must be a scope: printable ASCII without blanks' }))
    .max(20, { error: 'must have at most 20 scopes' })
    .default(['openid', 'email', 'profile'])
    .refine((scopes) => scopes.includes('openid'), { error: 'must have openid among them' })
    .describe('What the provider is asked for.'),
  roles: z
    .array(
      z.strictObject({
        claim: line().describe('Name of a claim, or a path to it such as realm_access.roles.'),
        value: line().describe('What it must be, or have among its values.'),
        role: z.enum(ROLES, { error: `must be one of ${ROLES.join(', ')}` }).describe('What whoever has it may do.'),
      }),
    )
    .min(1, { error: 'must name at least one: nobody else could sign in' })
    .max(100, { error: 'must have at most 100 rows' })
    .describe('Which claims give which role; the highest of those that fit. Whoever fits none is refused.'),
  returnAfterSignOut: z
    .boolean()
    .exactOptional()
    .describe(
      'True: whoever signs out comes back here. Needs `<publicUrl>/` registered with the provider as a post-logout redirect URI. Otherwise he stays at the provider.',
    ),
  assumeEmailVerified: z
    .boolean()
    .exactOptional()
    .describe(
      'True: an e-mail address counts though the provider says nothing of `email_verified`. Only for a provider where nobody can set the address of his account himself. Otherwise such an address gives neither name nor role.',
    ),
  nameClaim: line().default('email').describe('What the audit calls whoever signs in.'),
  identityClaim: line()
    .default('sub')
    .describe('The claim that holds the external id under which a leaver is imported; the e-mail address is compared anyway.'),
})

/** Who may sign in to Revenant itself, and how it is reached. */
export const accessSchema = z.strictObject({
  serve: z
    .boolean()
    .default(true)
    .describe(
      'False: neither API nor page, but health, metrics and what `evidence` and `ledger` publish; `listen` may then be any address.',
    ),
  tls: z
    .strictObject({
      cert: line().describe('PEM file: the certificate and those between it and the authority.'),
      key: line().describe('PEM file of its private key.'),
    })
    .exactOptional()
    .describe('Serve HTTPS. SIGHUP reads both files again.'),
  proxy: z
    .strictObject({
      trust: z
        .array(network())
        .min(1, { error: 'must name at least one address or network' })
        .max(50, { error: 'must have at most 50 entries' })
        .describe('Addresses of the proxies whose X-Forwarded-* headers are believed.'),
    })
    .exactOptional()
    .describe('A proxy before Revenant that speaks TLS with the browsers.'),
  sessions: z
    .strictObject({
      idle: duration('5m', '30d').prefault('8h').describe('A session that nobody used for so long ends.'),
      longest: duration('5m', '30d').prefault('24h').describe('Every session ends after this.'),
    })
    .transform(({ idle, longest }) => ({ idleMs: idle, longestMs: longest }))
    .prefault({})
    .describe('How long a browser stays signed in.'),
  oidc: oidcSchema.exactOptional().describe('Sign-in with an OpenID Connect provider, see docs/api.md.'),
})

/** What goes to the provider and comes back decides who signs in: only this machine may speak of it in clear. */
function isSafeIssuer(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || url.search !== '' || url.hash !== '') return false
  return url.protocol === 'https:' || isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ''))
}
