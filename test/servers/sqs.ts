import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { buildApp } from 'fauxqs'
import type { Pair } from './tls.ts'

/** What the gate in front answers instead of the service, e.g. for throttling. */
export interface Instead {
  status: number
  headers?: Record<string, string>
  body?: string
}

export interface Sqs {
  readonly port: number
  /** https:// where TLS was asked for. */
  readonly url: string
  /** The `x-amz-target` or `Action` of every request that passed the gate. */
  readonly requests: string[]
  close(): Promise<void>
}

export interface SqsOptions {
  port?: number
  keys: Readonly<Record<string, string>>
  region: string
  tls?: Pair
  instead?: () => Instead | 'hang' | 'reset' | undefined
  /** The service to stand in front of: a restarted gate in front of the same queues. */
  service?: Service
}

export type Service = Awaited<ReturnType<typeof buildApp>>

/** SQS and SNS of npm's `fauxqs`, on 127.0.0.1. It takes any signature: `startSqs` stands in front of it and takes the right ones only. */
export async function startService(): Promise<Service> {
  const service = buildApp({ logger: false })
  await service.listen({ port: 0, host: '127.0.0.1' })
  return service
}

/** A gate that checks each request as AWS documents Signature Version 4, and hands it on. */
export async function startSqs(options: SqsOptions): Promise<Sqs> {
  const service = options.service ?? (await startService())
  const behind = (service.server.address() as AddressInfo).port
  const requests: string[] = []
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await buffer(request)
    const instead = options.instead?.()
    if (instead === 'hang') return
    if (instead === 'reset') return void request.socket.resetAndDestroy()
    if (instead !== undefined) return void response.writeHead(instead.status, instead.headers).end(instead.body)
    if (!isSigned(request, body, options)) return void refuse(request, response)
    requests.push(String(request.headers['x-amz-target'] ?? new URLSearchParams(body.toString()).get('Action')))
    await forward(request, body, behind, response)
  }
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    handle(request, response).catch(() => response.destroy())
  }
  const gate = options.tls === undefined ? http.createServer(listener) : https.createServer(options.tls, listener)
  gate.listen(options.port ?? 0, '127.0.0.1')
  await once(gate, 'listening')
  const { port } = gate.address() as AddressInfo
  return {
    port,
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests,
    async close() {
      gate.closeAllConnections()
      await new Promise((resolve) => gate.close(resolve))
      if (options.service === undefined) await service.close()
    },
  }
}

async function forward(request: IncomingMessage, body: Buffer, port: number, response: ServerResponse): Promise<void> {
  const { host: _, 'content-length': __, ...headers } = request.headers
  const onward = http.request({ host: '127.0.0.1', port, method: request.method, path: request.url, headers, agent: false })
  onward.end(body)
  const [answer] = (await once(onward, 'response')) as [IncomingMessage]
  response.writeHead(answer.statusCode ?? 500, answer.headers)
  answer.pipe(response)
}

/** SQS speaks JSON, SNS XML; both call it by their protocol's name. */
function refuse({ headers }: IncomingMessage, response: ServerResponse): void {
  if (headers['x-amz-target'] === undefined) {
    const error = '<Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>'
    response.writeHead(403, { 'content-type': 'text/xml' })
    response.end(
      `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">${error}<RequestId>1</RequestId></ErrorResponse>`,
    )
  } else {
    response.writeHead(403, { 'content-type': 'application/x-amz-json-1.0' })
    response.end(JSON.stringify({ __type: 'com.amazon.coral.service#InvalidSignatureException', message: 'no' }))
  }
}

/** Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
function isSigned({ headers, method, url = '/' }: IncomingMessage, body: Buffer, { keys, region }: SqsOptions): boolean {
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/(sqs|sns)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    )
  if (parts === null) return false
  const [, id = '', day = '', where, service = '', signed = '', signature = ''] = parts
  const secret = keys[id]
  const date = String(headers['x-amz-date'])
  if (secret === undefined || where !== region || !date.startsWith(day) || !signed.split(';').includes('host')) return false
  const canonical = [
    method,
    new URL(url, 'http://x').pathname,
    '',
    ...signed.split(';').map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}`),
    '',
    signed,
    sha256(body),
  ].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', date, `${day}/${region}/${service}/aws4_request`, sha256(Buffer.from(canonical))].join('\n')
  const key = [day, region, service, 'aws4_request'].reduce<Buffer>((so, part) => hmac(so, part), Buffer.from(`AWS4${secret}`))
  return timingSafeEqual(hmac(key, toSign), Buffer.from(signature, 'hex'))
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
