import { createServer, type ServerOptions as HttpOptions, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, isIP } from 'node:net'
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerFactory,
  type FastifyServerOptions,
} from 'fastify'
import { errorCode, RevenantError } from '../domain/error.ts'
import { isLoopback, isLoopbackHost } from '../domain/loopback.ts'
import type { Logger } from '../telemetry/logger.ts'
import { endBadConnection } from './client-error.ts'
import { sendProblem } from './problem.ts'

export interface ServerOptions {
  /** As the configuration parsed it. Port 0: any free port. */
  listen: { host: string; port: number }
  /** PEM: HTTPS is served. Left out: plain HTTP. */
  tls?: TlsFiles
  /** Addresses and networks whose X-Forwarded-* headers are believed. */
  trust?: readonly string[]
  /** Names by which it may be asked for, beside addresses and `localhost`. */
  names?: readonly string[]
  /** Adds what is served. */
  addPages(app: FastifyInstance): void | Promise<void>
  /**
   * Adds what is served under `/v1`, and to where sources of leavers push, when it is first asked for: until then neither its code nor its schemas are in memory. A failure is
   * answered with 500, and the next request tries anew. Left out: `addPages` adds all.
   */
  addApi?(app: FastifyInstance): Promise<void>
  logger: Logger
}

export interface TlsFiles {
  cert: string
  key: string
}

export interface Server {
  /** Where it listens: `http://127.0.0.1:8480`. */
  address: string
  /** True where other machines reach it. */
  exposed: boolean
  /** Takes another certificate for new connections. Throws `CONFIG_INVALID` for one that does not fit its key; the old one stays. */
  renew(tls: TlsFiles): void
  /** Ends open connections and frees the port. */
  close(): Promise<void>
}

/**
 * Opens the one HTTP server: strict in sizes, times and connections, with its headers on every answer, and deaf to names that are not
 * its own (a page elsewhere could make its own name lead here: DNS rebinding).
 *
 * @throws RevenantError `CONFLICT` when the address is taken, `CONFIG_INVALID` when it cannot be listened on
 */
export async function openServer(options: ServerOptions): Promise<Server> {
  const api = options.addApi === undefined ? undefined : openLater(options, options.addApi)
  const { app, renew } = buildServer(options, api?.listener)
  addManners(app, options)
  await options.addPages(app)
  await listen(app, options)
  return {
    address: addressOf(app, options.tls === undefined ? 'http' : 'https'),
    exposed: boundTo(app).some(({ address }) => !isLoopback(address)),
    renew,
    close: async () => {
      // Connections are the outer one's: it ends them.
      await app.close()
      await api?.close()
    },
  }
}

/** A second application behind the same port, made when it is first asked for. */
function openLater(options: ServerOptions, add: (app: FastifyInstance) => Promise<void>) {
  let opening: Promise<FastifyInstance> | undefined
  const open = async (): Promise<FastifyInstance> => {
    // It never listens: requests are handed to it.
    const app = fastify(applicationOptions(options, (handler) => createServer(handler)))
    app.removeContentTypeParser('text/plain')
    addManners(app, options)
    await add(app)
    await app.ready()
    return app
  }
  const listener: RequestListener = (request, response) => {
    opening ??= open()
    opening.then(
      (app) => app.routing(request, response),
      (error: unknown) => {
        opening = undefined
        options.logger.error({ err: error }, 'the API could not be opened')
        response.writeHead(500, { ...HEADERS, 'content-length': '0', connection: 'close' }).end()
      },
    )
  }
  return { listener, close: async () => (await opening?.catch(() => undefined))?.close() }
}

const LIMITS = {
  // A provider's answer to a sign-in can be long, and stands in the address.
  maxHeaderSize: 16_384,
  headersTimeout: 5_000,
  // A file may take its time to come in; what is not a file is cut off sooner.
  requestTimeout: 600_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 2_000,
} satisfies HttpOptions

/** Browsers hold up to six each, a stream of events one; there are as many as that of people who watch, and no more. */
const MOST_CONNECTIONS = 512

function buildServer(options: ServerOptions, api: RequestListener | undefined) {
  const { tls } = options
  const secure: ReturnType<typeof createSecureServer>[] = []
  const app = fastify(
    applicationOptions(options, (handler) => {
      const listener: RequestListener =
        api === undefined ? handler : (request, response) => (isApi(request) ? api : handler)(request, response)
      if (tls === undefined) return bounded(createServer(LIMITS, listener))
      const server = createSecureServer({ ...LIMITS, ...tls, minVersion: 'TLSv1.2' }, listener)
      secure.push(server)
      return bounded(server)
    }),
  )
  app.removeContentTypeParser('text/plain')
  const renew = (files: TlsFiles) => {
    for (const server of secure) server.setSecureContext({ ...files, minVersion: 'TLSv1.2' })
  }
  return { app, renew }
}

function applicationOptions({ trust }: ServerOptions, serverFactory: FastifyServerFactory): FastifyServerOptions {
  return {
    logger: false,
    // Requests are checked and answers described by zod's schemas: the checkers of JSON Schema stay out of memory.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
    // What takes more says so itself.
    bodyLimit: 1_024,
    routerOptions: { maxParamLength: 128 },
    forceCloseConnections: true,
    return503OnClosing: true,
    ...(trust === undefined ? {} : { trustProxy: [...trust] }),
    serverFactory,
    // Fastify's own answers repeat the address that was asked for.
    frameworkErrors: (_error, request, reply) => {
      reply.headers(HEADERS)
      if (isApi(request)) sendProblem(reply, 400, 'The address is too long or cannot be decoded.')
      else refuse(reply, 400)
    },
    clientErrorHandler: endBadConnection,
  }
}

/** A connection on which nothing comes or goes for so long is cut: longer than a bundle takes to make, and events have a sign of life. */
const SILENT_MS = 900_000

/** Called for routes with a JSON Schema of their own, of which there are none. */
function noCompiler(): never {
  throw new RevenantError('INTERNAL', 'a route gave Fastify a schema')
}

function bounded<Of extends { maxConnections: number; timeout: number }>(server: Of): Of {
  server.maxConnections = MOST_CONNECTIONS
  server.timeout = SILENT_MS
  return server
}

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const

const HSTS = 'max-age=31536000'

function addManners(app: FastifyInstance, options: ServerOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS)
    if (request.protocol === 'https') reply.header('strict-transport-security', HSTS)
    if (!isOurs(request, options)) {
      reply.header('connection', 'close')
      return sendProblem(reply, 421, 'This is not served under that name: see publicUrl in docs/configuration.md.')
    }
    // Before any body is read, and for unknown addresses too.
    if (!isApi(request) && request.method !== 'GET' && request.method !== 'HEAD') {
      reply.header('connection', 'close').header('allow', 'GET, HEAD')
      return refuse(reply, 405)
    }
    if (isApi(request) && request.is404) {
      reply.header('connection', 'close')
      return sendProblem(reply, 404, 'There is no such address.')
    }
  })
  app.setNotFoundHandler((request, reply) =>
    isApi(request) ? sendProblem(reply, 404, 'There is nothing of that name.') : refuse(reply, 404),
  )
  app.setErrorHandler((error, request, reply) => {
    options.logger.error({ err: error }, 'a page failed')
    return isApi(request) ? sendProblem(reply, 500, 'The server failed: its log says why.') : refuse(reply, 500)
  })
}

function isApi({ url }: { url?: string | undefined }): boolean {
  return /^\/(?:v1|scim|ssf|hooks)(?:[/?]|$)/.test(url ?? '')
}

/** Orchestrators and scrapers ask by names that we do not know, and where other machines reach us they may. */
const FOR_MACHINES = /^\/(?:healthz|readyz|metrics)$/

function isOurs(request: FastifyRequest, { listen, names = [] }: ServerOptions): boolean {
  const name = request.hostname.toLowerCase().replace(/^\[|\]$|\.$/g, '')
  // No name leads an address elsewhere.
  if (isIP(name) !== 0 || name === 'localhost' || [listen.host, ...names].some((own) => own.toLowerCase() === name)) return true
  return FOR_MACHINES.test(request.url) && !isLoopbackHost(listen.host)
}

const REFUSALS = { 400: 'bad request', 404: 'not found', 405: 'method not allowed', 500: 'internal error' } as const

function refuse(reply: FastifyReply, status: keyof typeof REFUSALS): FastifyReply {
  return reply.headers(HEADERS).code(status).send({ status: REFUSALS[status] })
}

async function listen(app: FastifyInstance, { listen: { host, port } }: ServerOptions): Promise<void> {
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
    // What the routes themselves are wrong about is no matter of addresses.
    if (code.startsWith('FST_')) throw error
    throw new RevenantError('CONFIG_INVALID', `listen: cannot listen on ${show(host, port)} (${code})`)
  }
}

function addressOf(app: FastifyInstance, scheme: 'http' | 'https'): string {
  const [first] = boundTo(app)
  if (first === undefined) throw new RevenantError('INTERNAL', 'the server listens nowhere')
  return `${scheme}://${show(first.address, first.port)}`
}

function boundTo(app: FastifyInstance): AddressInfo[] {
  return app.addresses().filter((bound) => typeof bound !== 'string')
}

function show(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
