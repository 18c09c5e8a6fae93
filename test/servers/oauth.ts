import { generateKeyPairSync } from 'node:crypto'
import { exportJWK } from 'jose'
import type { ClientMetadata, Configuration } from 'oidc-provider'
import * as client from 'openid-client'
import { startOidc } from './oidc.ts'

export interface OauthTokens {
  accessToken: string
  refreshToken: string
}

/** One request to the token endpoint, and how it ended. */
export interface TokenRequest {
  grant: string
  refreshToken: string | undefined
  status: number
  error: string | undefined
  /** Of whoever asked: tells connections apart. */
  port: number | undefined
}

export interface OauthServer {
  issuer: string
  /** Signs somebody in at the client `app`, or another one, as a browser would. */
  login(account: string, options?: { at?: keyof typeof SECRETS; scope?: string }): Promise<OauthTokens>
  /** Redeems a refresh token as `app` does. */
  redeem(token: string): Promise<OauthTokens>
  /** RFC 7009, as `app` does. */
  revoke(token: string): Promise<void>
  /** The user takes his consent back: every grant of his at every client ends. */
  withdraw(account: string): Promise<void>
  /** What came to the token endpoint. */
  requests: TokenRequest[]
  /** Called when the token endpoint has done its work and before a byte of the answer goes out. */
  beforeAnswer: ((request: TokenRequest) => Promise<void>) | undefined
  /** Answers the next token request so once it has done its work. */
  spoil: { status: number; body: string } | undefined
  stop(): Promise<void>
}

export const SECRETS = {
  app: 'secret-of-the-app-Zq9Zq9Zq9Zq9Zq9Zq9',
  other: 'secret-of-another-app-Zq9Zq9Zq9Zq9Zq9',
} as const
/** May introspect, and nothing else. */
export const WATCHER = { id: 'watcher', secret: 'secret-of-the-watcher-Zq9Zq9Zq9Zq9Zq9' }
/** Takes its tokens with its own name only. */
export const SERVICE = { id: 'service', secret: 'secret-of-the-service-Zq9Zq9Zq9Zq9Zq9' }
/** Proves itself with a signature. */
export const SIGNER = { id: 'signer', keys: generateKeyPairSync('rsa', { modulusLength: 2_048 }) }

const CALLBACK = 'http://127.0.0.1:9/callback'

/** A real authorization server (oidc-provider) with rotation and reuse detection, revocation, introspection and consents. */
export async function startOauth(options: { rotate?: boolean } = {}): Promise<OauthServer> {
  const oidc = await startOidc([CALLBACK], await configuration(options.rotate ?? true))
  const { provider, issuer } = oidc
  const server: OauthServer = {
    issuer,
    requests: [],
    beforeAnswer: undefined,
    spoil: undefined,
    login: async (account, { at = 'app', scope = 'openid offline_access' } = {}) => {
      oidc.account = account
      const config = await configOf(issuer, at)
      const verifier = client.randomPKCECodeVerifier()
      const url = client.buildAuthorizationUrl(config, {
        ...{ redirect_uri: CALLBACK, scope, prompt: 'consent' },
        ...{ code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' },
      })
      const back = await oidc.walk(url.href)
      return tokensOf(await client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier }))
    },
    redeem: async (token) => tokensOf(await client.refreshTokenGrant(await configOf(issuer, 'app'), token)),
    revoke: async (token) => client.tokenRevocation(await configOf(issuer, 'app'), token),
    withdraw: async (account) => {
      for (const id of grants.get(account) ?? []) await (await provider.Grant.find(id))?.destroy()
    },
    stop: oidc.stop,
  }
  const grants = new Map<string, Set<string>>()
  provider.on('grant.success', ({ oidc: { entities } }) => {
    const { AccessToken: token } = entities
    if (token?.grantId === undefined || token.accountId === undefined) return
    grants.set(token.accountId, (grants.get(token.accountId) ?? new Set()).add(token.grantId))
  })
  provider.use(async (context, next) => {
    await next()
    if (context.path !== '/token') return
    const { body, params } = context.oidc
    const answer: unknown = context.body
    const error = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'error') : undefined
    const request: TokenRequest = {
      grant: String(params?.grant_type ?? body?.grant_type),
      refreshToken: typeof params?.refresh_token === 'string' ? params.refresh_token : undefined,
      status: context.status,
      error: typeof error === 'string' ? error : undefined,
      port: context.req.socket.remotePort,
    }
    server.requests.push(request)
    await server.beforeAnswer?.(request)
    if (server.spoil === undefined) return
    context.status = server.spoil.status
    context.body = server.spoil.body
    context.type = 'application/json'
    server.spoil = undefined
  })
  return server
}

async function configuration(rotate: boolean): Promise<Configuration> {
  const grants: Partial<ClientMetadata> = {
    redirect_uris: [CALLBACK],
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'],
  }
  const machine: Partial<ClientMetadata> = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] }
  return {
    clients: [
      { client_id: 'app', client_secret: SECRETS.app, ...grants },
      { client_id: 'other', client_secret: SECRETS.other, ...grants },
      { client_id: WATCHER.id, client_secret: WATCHER.secret, ...machine, grant_types: [] },
      { client_id: SERVICE.id, client_secret: SERVICE.secret, ...machine },
      {
        client_id: SIGNER.id,
        ...grants,
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...(await exportJWK(SIGNER.keys.publicKey)), kid: 'one' }] },
      },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true, allowedPolicy: async (_context, asking) => asking.clientId === WATCHER.id },
    },
    claims: { openid: ['sub'], profile: ['preferred_username'] },
    scopes: ['openid', 'offline_access', 'profile'],
    rotateRefreshToken: () => rotate,
    issueRefreshToken: async () => true,
  }
}

function configOf(issuer: string, at: keyof typeof SECRETS): Promise<client.Configuration> {
  return client.discovery(new URL(issuer), at, undefined, client.ClientSecretBasic(SECRETS[at]), {
    execute: [client.allowInsecureRequests],
  })
}

function tokensOf({ access_token, refresh_token = '' }: client.TokenEndpointResponse): OauthTokens {
  return { accessToken: access_token, refreshToken: refresh_token }
}
