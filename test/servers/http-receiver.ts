import { createServer as createHttp, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Pair } from './tls.ts'

export interface Asked {
  method: string
  /** Without the query. */
  path: string
  query: URLSearchParams
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface Reply {
  status: number
  headers?: Record<string, string>
  /** An object goes out as JSON. */
  body?: object | string | Buffer
}

/** Answers, or takes the response into its own hands: to hang, to break off, to dribble. */
export type Receive = (asked: Asked, response: ServerResponse) => Reply | undefined

export interface HttpReceiver {
  readonly origin: string
  readonly asked: Asked[]
  close(): Promise<void>
}

/** An HTTP(S) server on a free port of 127.0.0.1 that keeps what it was asked. */
export async function startHttpReceiver(receive: Receive, tls?: Pair): Promise<HttpReceiver> {
  const asked: Asked[] = []
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://receiver')
      const { method = '', headers } = request
      const one = { method, path: url.pathname, query: url.searchParams, headers, body: Buffer.concat(chunks) }
      asked.push(one)
      send(response, receive(one, response))
    })
  }
  const server = tls === undefined ? createHttp(listener) : createHttps(tls, listener)
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

function send(response: ServerResponse, reply: Reply | undefined): void {
  if (reply === undefined) return
  const { status, headers = {}, body } = reply
  const json = typeof body === 'object' && !Buffer.isBuffer(body)
  response.writeHead(status, { ...(json ? { 'content-type': 'application/json' } : {}), ...headers })
  response.end(json ? JSON.stringify(body) : body)
}
