import type { Configuration } from 'openid-client'
import type { OidcConfig } from '../../config/config.ts'
import type { ReadReference } from '../../custody/local-reference.ts'
import { readReference } from '../../custody/references.ts'
import type { Role } from '../../domain/access.ts'
import { isLoopbackHost } from '../../domain/loopback.ts'
import { claimsRole, nameIn, stringAt } from './claims.ts'
import { roleMapOf } from './role-map.ts'

/** What must be the same when the browser comes back; kept in its cookie meanwhile. */
export interface OidcStart {
  state: string
  nonce: string
  verifier: string
}

/** Who the provider says that somebody is. */
export interface OidcPerson {
  name: string
  /** Undefined: none of the configured claims fits. */
  role: Role | undefined
  /** E-mail address, verified or not, and external id. */
  bearers: string[]
  subject: string
  /** Of what his role was decided by. */
  roleMap: string
  /** What the provider wants to hear when he signs out. */
  idToken: string
}

export interface Oidc {
  /** Where to send the browser, and what to remember. */
  start(redirectUri: string): Promise<{ url: string; remember: OidcStart }>
  /**
   * What the browser came back with, traded for who it is. Throws for an answer that is not one to this start, and for a provider that
   * says no or does not answer.
   *
   * @param url the redirect URI with the parameters that came
   */
  finish(url: URL, start: OidcStart): Promise<OidcPerson>
  /**
   * Where a browser signs out of the provider (OpenID Connect RP-Initiated Logout 1.0); undefined where it has no such address.
   *
   * @param back where the provider may send the browser afterwards
   */
  end(idToken: string | undefined, back: string): Promise<string | undefined>
}

const TIMEOUT_S = 10
const KNOWN_MS = 3_600_000

/** Loaded when somebody first signs in so: start-up stays quick. */
const library = () => import('openid-client')

/**
 * Sign-in with an OpenID Connect provider: code flow with PKCE, state, nonce and, where the provider sends it, RFC 9207's issuer. Discovery
 * is done at the first sign-in, again after an hour (a new client secret behind the reference is then read), and where it failed.
 */
export function openOidc(config: OidcConfig, read: ReadReference = readReference): Oidc {
  let found: { at: number; provider: Promise<Configuration> } | undefined
  const provider = async () => {
    if (found === undefined || performance.now() - found.at > KNOWN_MS)
      found = { at: performance.now(), provider: discover(config, read) }
    return found.provider.catch((error: unknown) => {
      found = undefined
      throw error
    })
  }
  return {
    start: async (redirectUri) => {
      const oidc = await library()
      const remember = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier: oidc.randomPKCECodeVerifier() }
      const url = oidc.buildAuthorizationUrl(await provider(), {
        redirect_uri: redirectUri,
        scope: config.scopes.join(' '),
        code_challenge: await oidc.calculatePKCECodeChallenge(remember.verifier),
        code_challenge_method: 'S256',
        state: remember.state,
        nonce: remember.nonce,
      })
      return { url: url.href, remember }
    },
    finish: async (url, start) => {
      const { claims, idToken } = await claimsOf(await provider(), url, start)
      return { ...personOf(claims, config), roleMap: roleMapOf(config), idToken }
    },
    end: async (idToken, back) => {
      const [oidc, found] = [await library(), await provider()]
      if (found.serverMetadata().end_session_endpoint === undefined) return undefined
      const after = config.returnAfterSignOut === true ? { post_logout_redirect_uri: back } : {}
      return oidc.buildEndSessionUrl(found, { ...(idToken === undefined ? {} : { id_token_hint: idToken }), ...after }).href
    },
  }
}

async function discover({ issuer, clientId, clientSecret }: OidcConfig, read: ReadReference): Promise<Configuration> {
  const oidc = await library()
  const secret = clientSecret === undefined ? undefined : await read(clientSecret)
  const url = new URL(issuer)
  // The configuration takes http:// for loopback alone.
  const clear = url.protocol === 'http:' && isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ''))
  return oidc.discovery(url, clientId, undefined, secret === undefined ? oidc.None() : oidc.ClientSecretPost(secret), {
    timeout: TIMEOUT_S,
    execute: [...(clear ? [oidc.allowInsecureRequests] : []), oidc.enableNonRepudiationChecks],
  })
}

/** The claims of the ID token, and beside them those that the provider tells by its userinfo endpoint only. */
async function claimsOf(
  provider: Configuration,
  url: URL,
  start: OidcStart,
): Promise<{ claims: Record<string, unknown>; idToken: string }> {
  const oidc = await library()
  const tokens = await oidc.authorizationCodeGrant(provider, url, {
    pkceCodeVerifier: start.verifier,
    expectedState: start.state,
    expectedNonce: start.nonce,
    idTokenExpected: true,
  })
  const [claims, idToken] = [tokens.claims(), tokens.id_token]
  if (claims === undefined || idToken === undefined) throw new Error('the provider gave no ID token')
  if (provider.serverMetadata().userinfo_endpoint === undefined) return { claims: { ...claims }, idToken }
  return { claims: { ...(await oidc.fetchUserInfo(provider, tokens.access_token, claims.sub)), ...claims }, idToken }
}

function personOf(claims: Record<string, unknown>, config: OidcConfig): Omit<OidcPerson, 'roleMap' | 'idToken'> {
  const { email: _, ...rest } = claims
  const email = stringAt(claims, 'email')?.toLowerCase()
  // An address that the provider did not check may be anybody's: it gives nothing. Whoever has left under it is kept out all the same.
  const trusted = email !== undefined && isVerified(claims, config) ? { ...rest, email } : rest
  const bearers = [...new Set([email, stringAt(claims, config.identityClaim)].filter((each) => each !== undefined))]
  const subject = stringAt(trusted, 'sub') ?? ''
  return { name: nameIn(trusted, config.nameClaim), role: claimsRole(trusted, config.roles), bearers, subject }
}

/** OpenID Connect Core 1.0 §5.1 has a boolean; some providers send text. Where the claim is missing, the configuration may say what it means. */
function isVerified({ email_verified: said }: Record<string, unknown>, { assumeEmailVerified }: OidcConfig): boolean {
  return said === undefined ? assumeEmailVerified === true : said === true || said === 'true'
}
