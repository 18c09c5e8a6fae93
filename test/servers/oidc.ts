import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider, { type Configuration } from 'oidc-provider'

export interface OidcServer {
  issuer: string
  provider: Provider
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
  /**
   * Signs out as the browser of the last sign-in would, and says yes to the provider's question. Answers where the browser ends.
   *
   * @param url the provider's end-session endpoint with its parameters
   */
  signOut(url: string): Promise<URL>
  /** Sessions that live at the provider. */
  sessions(): number
  stop(): Promise<void>
}

export const CLIENT = { id: 'revenant', secret: 'secret-of-the-client-Zq9Zq9Zq9Zq9Zq9' }

/**
 * A real OpenID provider with one client; whoever is `account` signs in and consents without being asked.
 *
 * @param more of the provider's own configuration: other clients, other features
 */
export async function startOidc(redirectUris: readonly string[], more: Configuration = {}): Promise<OidcServer> {
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
        post_logout_redirect_uris: redirectUris.map((uri) => new URL('/', uri).href),
      },
    ],
    claims: { openid: ['sub', 'realm_access'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    cookies: { keys: ['a key of the test'] },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    findAccount: (_context, sub) => ({ accountId: sub, claims: async () => ({ sub, ...accounts.get(sub) }) }),
    ...more,
  })
  const living = new Set<string>()
  provider.on('authorization.success', ({ oidc }) => void living.add(oidc.session?.uid ?? ''))
  provider.on('end_session.success', () => void living.clear())
  let cookies = new Map<string, string>()
  const server: OidcServer = {
    issuer,
    provider,
    accounts,
    account: '',
    walk: (url) => {
      cookies = new Map()
      return walk(url, issuer, cookies)
    },
    signOut: (url) => signOut(url, issuer, cookies),
    sessions: () => living.size,
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

async function walk(from: string, issuer: string, cookies: Map<string, string>): Promise<URL> {
  let url = new URL(from)
  while (url.origin === issuer) {
    const answer = await visit(url, cookies)
    const location = answer.headers.get('location')
    if (location === null) throw new Error(`the provider answered ${answer.status} at ${url.pathname}`)
    url = new URL(location, url)
  }
  return url
}

async function visit(url: URL, cookies: Map<string, string>, form?: URLSearchParams): Promise<Response> {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const sent = form === undefined ? {} : { method: 'POST', body: form }
  const answer = await fetch(url, { redirect: 'manual', headers: { cookie, connection: 'close' }, ...sent })
  for (const line of answer.headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    cookies.set(name, value)
  }
  return answer
}

async function signOut(from: string, issuer: string, cookies: Map<string, string>): Promise<URL> {
  const page = await visit(new URL(from), cookies)
  const text = await page.text()
  const [, action] = /<form[^>]* action="([^"]+)"/.exec(text) ?? []
  const [, xsrf] = /name="xsrf" value="([^"]+)"/.exec(text) ?? []
  if (page.status !== 200 || action === undefined || xsrf === undefined)
    throw new Error(`the provider answered ${page.status} to a sign-out: ${text}`)
  const done = await visit(new URL(action, issuer), cookies, new URLSearchParams({ xsrf, logout: 'yes' }))
  return new URL(done.headers.get('location') ?? '', issuer)
}
