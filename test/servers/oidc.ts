import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'

export interface OidcServer {
  issuer: string
  /** The claims of each account, by its subject. */
  accounts: Map<string, Record<string, unknown>>
  /** Who signs in next. */
  account: string
  /**
   * Goes through a sign-in as a browser would, from the address that the browser is sent to until the one that it is sent back to.
   *
   * @param url the provider's authorization endpoint with its parameters
   */
  walk(url: string): Promise<URL>
  stop(): Promise<void>
}

export const CLIENT = { id: 'revenant', secret: 'secret-of-the-client-Zq9Zq9Zq9Zq9Zq9' }

/** A real OpenID provider with one client; whoever is `account` signs in and consents without being asked. */
export async function startOidc(redirectUris: readonly string[]): Promise<OidcServer> {
  const http = createServer((request, response) => {
    if (request.url?.startsWith('/interaction/') === true) void interact(provider, () => server.account, request, response)
    else void provider.callback()(request, response)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  const issuer = `http://127.0.0.1:${port}`
  const accounts = new Map<string, Record<string, unknown>>()
  const provider = new Provider(issuer, {
    clients: [
      {
        ...{ client_id: CLIENT.id, client_secret: CLIENT.secret, token_endpoint_auth_method: 'client_secret_post' },
        ...{ redirect_uris: [...redirectUris], response_types: ['code'], grant_types: ['authorization_code'] },
      },
    ],
    claims: { openid: ['sub', 'realm_access'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    cookies: { keys: ['a key of the test'] },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    findAccount: (_context, sub) => ({ accountId: sub, claims: async () => ({ sub, ...accounts.get(sub) }) }),
  })
  const server: OidcServer = {
    issuer,
    accounts,
    account: '',
    walk: (url) => walk(url, issuer),
    stop: async () => {
      http.closeAllConnections()
      http.close()
      await once(http, 'close')
    },
  }
  return server
}

async function interact(
  provider: Provider,
  account: () => string,
  ...[request, response]: Parameters<Provider['interactionDetails']>
): Promise<void> {
  const { prompt, params, session } = await provider.interactionDetails(request, response)
  if (prompt.name === 'login') {
    await provider.interactionFinished(request, response, { login: { accountId: account() } })
    return
  }
  const grant = new provider.Grant({ accountId: session?.accountId ?? '', clientId: String(params.client_id) })
  grant.addOIDCScope(String(params.scope))
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
}

async function walk(from: string, issuer: string): Promise<URL> {
  const cookies = new Map<string, string>()
  let url = new URL(from)
  while (url.origin === issuer) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie, connection: 'close' } })
    await answer.arrayBuffer()
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    const location = answer.headers.get('location')
    if (location === null) throw new Error(`the provider answered ${answer.status} at ${url.pathname}`)
    url = new URL(location, url)
  }
  return url
}
