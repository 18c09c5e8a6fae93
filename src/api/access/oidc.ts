import type { Configuration } from 'openid-client'
import type { OidcConfig } from '../../config/config.ts'
import { readReference } from '../../custody/references.ts'
import type { Role } from '../../domain/access.ts'
import { isLoopbackHost } from '../../domain/loopback.ts'
import { claimsRole, nameIn, stringAt } from './claims.ts'

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
  /** E-mail address, as far as it is verified, and external id. */
  bearers: string[]
  subject: string
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
}

const TIMEOUT_S = 10
const KNOWN_MS = 3_600_000

/** Loaded when somebody first signs in so: start-up stays quick. */
const library = () => import('openid-client')

/**
 * Sign-in with an OpenID Connect provider: code flow with PKCE, state, nonce and, where the provider sends it, RFC 9207's issuer. Discovery
 * is done at the first sign-in, again after an hour (a new client secret behind the reference is then read), and where it failed.
 */
export function openOidc(config: OidcConfig): Oidc {
  let found: { at: number; provider: Promise<Configuration> } | undefined
  const provider = async () => {
    if (found === undefined || performance.now() - found.at > KNOWN_MS)
      found = { at: performance.now(), provider: discover(config) }
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
    finish: async (url, start) => personOf(await claimsOf(await provider(), url, start), config),
  }
}

async function discover({ issuer, clientId, clientSecret }: OidcConfig): Promise<Configuration> {
  const oidc = await library()
  const secret = clientSecret === undefined ? undefined : await readReference(clientSecret)
  const url = new URL(issuer)
  // The configuration takes http:// for loopback alone.
  const clear = url.protocol === 'http:' && isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ''))
  return oidc.discovery(url, clientId, undefined, secret === undefined ? oidc.None() : oidc.ClientSecretPost(secret), {
    timeout: TIMEOUT_S,
    execute: [...(clear ? [oidc.allowInsecureRequests] : []), oidc.enableNonRepudiationChecks],
  })
}

/** The claims of the ID token, and beside them those that the provider tells by its userinfo endpoint only. */
async function claimsOf(provider: Configuration, url: URL, start: OidcStart): Promise<Record<string, unknown>> {
  const oidc = await library()
  const tokens = await oidc.authorizationCodeGrant(provider, url, {
    pkceCodeVerifier: start.verifier,
    expectedState: start.state,
    expectedNonce: start.nonce,
    idTokenExpected: true,
  })
  const claims = tokens.claims()
  if (claims === undefined) throw new Error('the provider gave no ID token')
  if (provider.serverMetadata().userinfo_endpoint === undefined) return { ...claims }
  return { ...(await oidc.fetchUserInfo(provider, tokens.access_token, claims.sub)), ...claims }
}

function personOf(claims: Record<string, unknown>, config: OidcConfig): OidcPerson {
  // An address that the provider did not check may be anybody's.
  const { email, ...rest } = claims
  const trusted = claims.email_verified === false || typeof email !== 'string' ? rest : { ...rest, email: email.toLowerCase() }
  const external = stringAt(trusted, config.identityClaim)
  const bearers = [stringAt(trusted, 'email'), external].filter((each) => each !== undefined)
  const subject = stringAt(trusted, 'sub') ?? ''
  return { name: nameIn(trusted, config.nameClaim), role: claimsRole(trusted, config.roles), bearers, subject }
}
