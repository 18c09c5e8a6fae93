import { createServer, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  method: string
  /** Path and query. */
  url: string
  headers: IncomingHttpHeaders
  body: string
}

/** What the server answers. An object as body goes out as JSON. */
export interface Given {
  status: number
  headers?: OutgoingHttpHeaders
  body?: unknown
}

export interface HttpServer {
  origin: string
  asked: Asked[]
  stop(): Promise<void>
}

/** A real HTTP server on a free port of the loopback that answers what it is told and keeps what it was asked. */
export async function openHttp(answer: (asked: Asked) => Given): Promise<HttpServer> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const one = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') }
      asked.push(one)
      const { status, headers: given = {}, body } = answer(one)
      const json = typeof body === 'object' && body !== null
      response.writeHead(status, { ...(json ? { 'content-type': 'application/json' } : {}), ...given })
      response.end(method === 'HEAD' ? undefined : json ? JSON.stringify(body) : typeof body === 'string' ? body : undefined)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    asked,
    stop: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** The Basic credentials of a request as `user:password`. */
export function basicOf(asked: Asked): string | undefined {
  const given = /^Basic (.+)$/.exec(asked.headers.authorization ?? '')?.[1]
  return given === undefined ? undefined : Buffer.from(given, 'base64').toString('utf8')
}
