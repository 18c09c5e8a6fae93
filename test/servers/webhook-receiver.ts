import { createServer as createHttp, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import type { Pair } from './tls.ts'

export interface Received {
  headers: IncomingHttpHeaders
  body: string
}

export interface WebhookReceiver {
  readonly url: string
  readonly received: Received[]
  close(): Promise<void>
}

/** What the receiver does with a request once its body is read; the default verifies nothing and answers 204. */
export type Respond = (response: ServerResponse, received: Received) => void

/** A webhook receiver on a port of its own on 127.0.0.1; with `tls` over https. */
export async function startWebhookReceiver(
  options: { respond?: Respond; tls?: Pair; path?: string } = {},
): Promise<WebhookReceiver> {
  const received: Received[] = []
  const respond = options.respond ?? ((response) => response.writeHead(204).end())
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const one = { headers: request.headers, body: Buffer.concat(chunks).toString() }
      received.push(one)
      respond(response, one)
    })
  }
  const server = options.tls === undefined ? createHttp(listener) : createHttps(options.tls, listener)
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}${options.path ?? '/hook'}`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** Verifies with the reference implementation of Standard Webhooks, which shares no code with ours. Throws when it does not fit. */
export function verifyWithReference(secret: string, { headers, body }: Received): unknown {
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) if (typeof value === 'string') plain[name] = value
  return new Webhook(secret).verify(body, plain)
}
