import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface TokenApi {
  origin: string
  /** Tokens that are accepted, and whom they belong to. */
  live: Map<string, string>
  /** What arrives, as the server sees it. */
  requests: { token: string | undefined; userAgent: string | undefined; at: number }[]
  /** Changes the whole behaviour for a while. */
  mode: 'normal' | 'open' | 'limited' | 'broken' | 'silent' | 'anything' | 'busy'
  retryAfterSeconds: number
  /** Milliseconds before each answer. */
  delayMs: number
  /** The most requests that were in flight at once. */
  peak: number
  stop(): Promise<void>
}

/** An HTTP API with bearer tokens that answers as RFC 6750 says. */
export async function startTokenApi(): Promise<TokenApi> {
  let inFlight = 0
  const server = createServer((request, response) => {
    const token = tokenOf(request)
    api.requests.push({ token, userAgent: request.headers['user-agent'], at: performance.now() })
    inFlight++
    api.peak = Math.max(api.peak, inFlight)
    response.on('close', () => inFlight--)
    if (api.mode === 'silent') return
    const send = (status: number, headers: Record<string, string>, body: unknown) => {
      const write = () => {
        response.writeHead(status, { 'content-type': 'application/json', ...headers })
        response.end(JSON.stringify(body))
      }
      if (api.delayMs > 0) setTimeout(write, api.delayMs)
      else write()
    }
    if (api.mode === 'limited') return send(429, { 'retry-after': String(api.retryAfterSeconds) }, { error: 'slow down' })
    if (api.mode === 'broken') return send(503, {}, { error: 'down' })
    if (api.mode === 'busy') return send(503, { 'retry-after': String(api.retryAfterSeconds) }, { error: 'later' })
    if (api.mode === 'open') return send(200, {}, { login: 'anybody' })
    if (api.mode === 'anything' && token !== undefined && !token.startsWith('stranger'))
      return send(200, {}, { login: 'somebody' })
    if (token === undefined) return send(401, { 'www-authenticate': 'Bearer realm="api"' }, {})
    const login = api.live.get(token)
    if (login === undefined)
      return send(401, { 'www-authenticate': 'Bearer realm="api", error="invalid_token"' }, { error: 'invalid_token' })
    send(200, {}, { login })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = addressOf(server.address())
  const api: TokenApi = {
    origin: `http://127.0.0.1:${port}`,
    live: new Map(),
    requests: [],
    mode: 'normal',
    retryAfterSeconds: 30,
    delayMs: 0,
    peak: 0,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return api
}

function tokenOf(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization
  return header?.startsWith('Bearer ') === true ? header.slice('Bearer '.length) : undefined
}

function addressOf(address: string | AddressInfo | null): AddressInfo {
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address
}
