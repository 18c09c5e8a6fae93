import { type AddressInfo, BlockList } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { errorCode, RevenantError } from '../domain/error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { openReadiness, type ReadinessCheck } from './readiness.ts'

export interface HealthOptions {
  /** As the configuration parsed it. Port 0: any free port. */
  listen: { host: string; port: number }
  /** True while the tick loop turns; see telemetry/heartbeat.ts. */
  alive(): boolean
  /** What must be well before work is sent here: database, keys, queues. */
  checks: readonly ReadinessCheck[]
  /** The body of `/metrics`, Prometheus text format 0.0.4. */
  metrics(): Promise<string>
  /** More pages, read-only as well. */
  addPages?(app: FastifyInstance): void
  logger: Logger
}

export interface Health {
  /** Where it listens: `http://127.0.0.1:8480`. */
  address: string
  /** Ends open connections and frees the port. */
  close(): Promise<void>
}

/**
 * Serves three pages to orchestrators and scrapers, read-only and without secrets.
 * `/healthz`: 200 while the process lives and its tick loop turns, else 503. `/readyz`: 200 when every check is well, else 503 with
 * `{ status, checks: [{ name, ok, detail }] }`. `/metrics`: Prometheus text. Anything but GET and HEAD is refused.
 *
 * @throws RevenantError `CONFLICT` when the address is taken, `CONFIG_INVALID` when it cannot be listened on
 */
export async function openHealth(options: HealthOptions): Promise<Health> {
  const app = openServer()
  addRoutes(app, options)
  await listen(app, options.listen)
  warnIfExposed(app, options.logger)
  return { address: addressOf(app), close: () => app.close() }
}

function openServer(): FastifyInstance {
  const app = fastify({
    logger: false,
    // No page here takes a body, a long address or a slow client.
    bodyLimit: 1_024,
    routerOptions: { maxParamLength: 64 },
    requestTimeout: 5_000,
    keepAliveTimeout: 5_000,
    http: { maxHeaderSize: 8_192, headersTimeout: 5_000 },
    forceCloseConnections: true,
    return503OnClosing: true,
    // Fastify's own answers repeat the address that was asked for.
    frameworkErrors: (_error, _request, reply) => void refuse(reply, 400),
    clientErrorHandler: (_error, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
      else socket.destroy()
    },
  })
  app.server.maxConnections = 64
  return app
}

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const

function addRoutes(app: FastifyInstance, options: HealthOptions): void {
  const readiness = openReadiness(options.checks, options.logger)
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS)
    // Before any body is read, and for unknown addresses too.
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      reply.header('connection', 'close').header('allow', 'GET, HEAD')
      return refuse(reply, 405)
    }
  })
  app.setNotFoundHandler((_request, reply) => refuse(reply, 404))
  app.setErrorHandler((error, _request, reply) => {
    options.logger.error({ err: error }, 'a health page failed')
    return refuse(reply, 500)
  })
  app.get('/healthz', async (_request, reply) => {
    const alive = options.alive()
    return reply.code(alive ? 200 : 503).send({ status: alive ? 'ok' : 'stuck' })
  })
  app.get('/readyz', async (_request, reply) => {
    const result = await readiness()
    return reply.code(result.status === 'ok' ? 200 : 503).send(result)
  })
  app.get('/metrics', async (_request, reply) => {
    const text = await options.metrics()
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text)
  })
  options.addPages?.(app)
}

const REFUSALS = { 400: 'bad request', 404: 'not found', 405: 'method not allowed', 500: 'internal error' } as const

function refuse(reply: FastifyReply, status: keyof typeof REFUSALS): FastifyReply {
  return reply.headers(HEADERS).code(status).send({ status: REFUSALS[status] })
}

async function listen(app: FastifyInstance, { host, port }: HealthOptions['listen']): Promise<void> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    await app.close()
    const code = errorCode(error) ?? 'unknown'
    if (code === 'EADDRINUSE') {
      throw new RevenantError(
        'CONFLICT',
        `listen: ${show(host, port)} is taken: is another Revenant running? Choose another port`,
      )
    }
    throw new RevenantError('CONFIG_INVALID', `listen: cannot listen on ${show(host, port)} (${code})`)
  }
}

/** There is no access control here: whoever reaches the port reads system names and numbers. */
function warnIfExposed(app: FastifyInstance, logger: Logger): void {
  for (const { address, port } of boundTo(app)) {
    if (isLoopback(address)) continue
    logger.warn({ address: show(address, port) }, 'health and metrics can be read from other machines, without a password')
  }
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** True for an address that only this machine can reach. `0.0.0.0` and `::` are every address, and so are not. */
export function isLoopback(address: string): boolean {
  return LOOPBACK.check(address, address.includes(':') ? 'ipv6' : 'ipv4')
}

function addressOf(app: FastifyInstance): string {
  const [first] = boundTo(app)
  if (first === undefined) throw new RevenantError('INTERNAL', 'the health server listens nowhere')
  return `http://${show(first.address, first.port)}`
}

function boundTo(app: FastifyInstance): AddressInfo[] {
  return app.addresses().filter((bound) => typeof bound !== 'string')
}

function show(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
