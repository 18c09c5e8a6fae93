import { parseCookie, stringifySetCookie } from 'cookie'
import type { FastifyRequest } from 'fastify'

/** What is known of the other end before anybody says who it is. Behind a declared proxy: of the browser, not of the proxy. */
export interface Client {
  /** IP address. */
  address: string
  /** The User-Agent header, as far as it is kept. */
  agent: string | undefined
  /** As the browser has it: `https://revenant.example.com`. */
  origin: string
  /** HTTPS, from the browser's side. */
  secure: boolean
  /** The value of a cookie, named without its prefix. */
  cookie(name: CookieName): string | undefined
  /** The Set-Cookie header for it; `undefined` takes it away. */
  setCookie(name: CookieName, value: string | undefined, options: { sameSite: 'strict' | 'lax'; maxAgeS: number }): string
}

/**
 * `session`: who is signed in. `oidc`: what a sign-in under way must come back with. `hint`: the provider's word for who signed in, which it
 * wants to hear when he signs out; sent there only.
 */
export type CookieName = 'session' | 'oidc' | 'hint'

/** Where a browser goes to sign out of the provider as well. */
export const SIGN_OUT = '/v1/sign-out/oidc'
const PATHS: Readonly<Record<CookieName, string>> = { session: '/', oidc: '/', hint: SIGN_OUT }

const MAX_AGENT = 200

export function clientOf(request: FastifyRequest): Client {
  const secure = request.protocol === 'https'
  const origin = `${request.protocol}://${request.host}`
  // Cookies of loopback are shared by all ports: two daemons there must not sign each other's users out.
  const named = (name: CookieName) =>
    secure
      ? `__${PATHS[name] === '/' ? 'Host' : 'Secure'}-revenant-${name}`
      : `revenant-${name}-${URL.parse(origin)?.port || '80'}`
  return {
    address: request.ip,
    agent: request.headers['user-agent']?.toWellFormed().slice(0, MAX_AGENT),
    origin,
    secure,
    cookie: (name) => parseCookie(request.headers.cookie ?? '')[named(name)],
    setCookie: (name, value, { sameSite, maxAgeS }) =>
      stringifySetCookie({
        name: named(name),
        value: value ?? '',
        maxAge: value === undefined ? 0 : maxAgeS,
        httpOnly: true,
        sameSite,
        path: PATHS[name],
        secure,
      }),
  }
}
