import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { bearerOf, sendJson, startHttp } from './http-server.ts'

export interface TokenApiOptions {
  realm: string
  /** So many requests of one address in each window; then 429 with `Retry-After` until it ends. */
  limit?: { requests: number; perMs: number }
  /** At first nobody is asked for a token. */
  open?: boolean
}

/** An HTTP API that knows who calls by bearer tokens (RFC 6750). `GET /user` says who that is. */
export interface TokenApi {
  readonly url: string
  /** Makes a token that answers as `login`. */
  issue(login: string): string
  revoke(token: string): void
  restore(token: string): void
  isLive(token: string): boolean
  /** Whether everybody is let in. */
  isOpen(): boolean
  setOpen(open: boolean): void
  stop(): Promise<void>
}

export async function startTokenApi(options: TokenApiOptions): Promise<TokenApi> {
  const logins = new Map<string, string>()
  const live = new Set<string>()
  let open = options.open ?? false
  const wait = options.limit === undefined ? () => 0 : limiter(options.limit)
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const waitMs = wait(request.socket.remoteAddress ?? '')
    if (waitMs > 0) {
      sendJson(response, 429, { error: 'too_many_requests' }, { 'retry-after': String(Math.ceil(waitMs / 1_000)) })
      return
    }
    const token = bearerOf(request)
    const login = token !== undefined && live.has(token) ? logins.get(token) : undefined
    if (login === undefined && !open) refuse(response, options.realm, request.headers.authorization !== undefined)
    else if (request.url !== '/user') sendJson(response, 404, { error: 'not_found' })
    else if (request.method !== 'GET') sendJson(response, 405, { error: 'method_not_allowed' }, { allow: 'GET' })
    else sendJson(response, 200, { login: login ?? 'guest' })
  }
  const { url, stop } = await startHttp(handle)
  return {
    url,
    issue: (login) => {
      const token = `lab_${randomBytes(24).toString('base64url')}`
      logins.set(token, login)
      live.add(token)
      return token
    },
    revoke: (token) => {
      live.delete(token)
    },
    restore: (token) => {
      if (logins.has(token)) live.add(token)
    },
    isLive: (token) => live.has(token),
    isOpen: () => open,
    setOpen: (value) => {
      open = value
    },
    stop,
  }
}

/** RFC 6750 §3: without any credential no error code, with one `invalid_token`. */
function refuse(response: ServerResponse, realm: string, tried: boolean): void {
  const challenge = `Bearer realm="${realm}"${tried ? ', error="invalid_token"' : ''}`
  sendJson(response, 401, { error: tried ? 'invalid_token' : 'unauthorized' }, { 'www-authenticate': challenge })
}

/** Counts the requests of each address in fixed windows; answers how many milliseconds it has to wait. */
function limiter({ requests, perMs }: { requests: number; perMs: number }): (address: string) => number {
  const windows = new Map<string, { count: number; endsAt: number }>()
  return (address) => {
    const now = performance.now()
    const known = windows.get(address)
    const window = known === undefined || known.endsAt <= now ? { count: 0, endsAt: now + perMs } : known
    windows.set(address, window)
    if (window.count >= requests) return window.endsAt - now
    window.count++
    return 0
  }
}
