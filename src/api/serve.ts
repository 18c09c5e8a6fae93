import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Actor, may } from '../domain/access.ts'
import { refuseUnacceptable } from './acceptable.ts'
import type { Caller } from './access/access.ts'
import { CHALLENGE, publicOrigin } from './access/authenticate.ts'
import { clientOf } from './access/client.ts'
import { refuseCrossOrigin } from './access/same-origin.ts'
import type { ApiDeps } from './deps.ts'
import { etagOf, isKnown, isMatched } from './etag.ts'
import { openGate, tooMany } from './gate.ts'
import { keyOf, once } from './idempotent.ts'
import { METHODS, methodsOf } from './methods.ts'
import { Problem, problemOf, sendProblem } from './problem.ts'
import { problemPage, wantsPage } from './problem-page.ts'
import { openRate, type Rate, rateHeaders } from './rate.ts'
import { type Rendered, render } from './render.ts'
import { NONE, type Route } from './route.ts'
import { networkOf } from './throttle.ts'
import { openUpload, UPLOAD_LIMIT, type Upload } from './upload.ts'

export interface ServeOptions {
  routes: readonly Route[]
  deps: ApiDeps
  /**
   * Who asks; undefined: nobody that is known. Throws a `Problem` for whoever must wait.
   *
   * @param again asks whether an earlier answer still holds
   */
  authenticate(request: FastifyRequest, again?: boolean): Promise<Caller | undefined>
  /** Counts what each asks for; left out: with budgets of its own. */
  rate?: Rate
}

/** No JSON that a route takes is larger; uploads are streams. */
const BODY_LIMIT = 1_048_576
/** How long JSON may take to come in. */
const BODY_MS = 15_000

/** Serves routes: who asks, whether he may, how often, what he sent, and only then the handler. No body is read before that is settled. */
export function serveRoutes(app: FastifyInstance, options: ServeOptions): void {
  const rate = options.rate ?? openRate()
  const callers = new WeakMap<FastifyRequest, Caller | undefined>()
  const served = { ...options, rate, gate: openGate(rate) }
  for (const type of new Set(options.routes.flatMap(({ uploads }) => uploads)))
    if (!app.hasContentTypeParser(type)) app.addContentTypeParser(type, (_request, payload, done) => done(null, payload))
  for (const route of options.routes)
    app.route({
      method: route.method,
      url: urlOf(route.path),
      bodyLimit: route.uploads.length > 0 ? UPLOAD_LIMIT : BODY_LIMIT,
      exposeHeadRoute: route.method === 'GET' && route.type !== 'text/event-stream',
      errorHandler: (error, request, reply) => fail(error, route, request, reply, options),
      onRequest: async (request, reply) => {
        callers.set(request, await admit(route, request, reply, served))
        takeInTime(route, request)
      },
      handler: (request, reply) => handle(route, callers.get(request), request, reply, options),
    })
  for (const [path, allowed] of methodsOf(options.routes))
    app.route({
      method: METHODS.filter((method) => !allowed.includes(method)),
      url: urlOf(path),
      onRequest: async (_request, reply) => {
        reply.header('connection', 'close').header('allow', allowed.join(', '))
        return sendProblem(reply, 405, `This address takes ${allowed.join(', ')}.`)
      },
      handler: async () => {},
    })
}

function urlOf(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}

/** Everything that is decided by the head of a request. Answers who asks; throws a `Problem`. */
async function admit(
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  { deps, authenticate, rate, gate }: ServeOptions & { rate: Rate; gate: ReturnType<typeof openGate> },
): Promise<Caller | undefined> {
  refuseCrossOrigin(request, [clientOf(request).origin, ...publicOrigin(deps)])
  const caller = route.permission === 'anybody' ? undefined : await gate(request, () => authenticate(request))
  if (route.permission !== 'anybody') {
    if (caller === undefined)
      throw new Problem(401, 'Sign in, or send a token: Authorization: Bearer …', undefined, {
        code: 'SIGN_IN_NEEDED',
        headers: { 'www-authenticate': CHALLENGE },
      })
    if (!may(caller.role, route.permission))
      throw new Problem(403, `The role ${caller.role} may not do this.`, undefined, { code: 'ROLE_TOO_LOW' })
  }
  const budget = caller === undefined ? 'anybody' : route.cost
  const taken = rate(budget, caller?.name ?? networkOf(request.ip))
  const headers = rateHeaders(budget, taken)
  if (!taken.ok) throw tooMany(headers)
  reply.headers(headers)
  refuseUnacceptable(route, request)
  refuseType(route, request)
  return caller
}

/** RFC 9110 §15.5.16. */
function refuseType(route: Route, request: FastifyRequest): void {
  const type = typeOf(request)
  if (!hasBody(request)) return
  const taken = [...(route.body === NONE ? [] : ['application/json']), ...route.uploads]
  if (type !== undefined && taken.includes(type)) return
  // An empty object where nothing is wanted is what many clients send for nothing.
  if (taken.length === 0 && type === 'application/json') return
  const words = taken.length === 0 ? 'This address takes no body.' : `This address takes ${taken.join(', ')}.`
  throw new Problem(415, words)
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function typeOf({ headers }: FastifyRequest): string | undefined {
  return headers['content-type']?.split(';')[0]?.trim().toLowerCase()
}

/** A body that trickles in is cut off; uploads are bounded by the server's own time. */
function takeInTime(route: Route, request: FastifyRequest): void {
  if (!hasBody(request) || route.uploads.length > 0) return
  const late = setTimeout(() => request.raw.destroy(), BODY_MS)
  const settle = () => clearTimeout(late)
  request.raw.once('end', settle).once('close', settle)
}

async function handle(
  route: Route,
  caller: Caller | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
  options: ServeOptions,
): Promise<FastifyReply> {
  const upload = isStream(request.body) ? openUpload(request.body) : undefined
  const run = async () => render(await ask(route, caller, upload, request, reply, options), route, request)
  const key = route.method === 'POST' && caller !== undefined ? keyOf(request.headers['idempotency-key']) : undefined
  if (key === undefined || caller === undefined) return send(await run(), request, reply)
  const asked = { key, actor: caller.name, method: route.method, url: request.url, body: request.body, upload }
  return send(await once(asked, run, options.deps), request, reply)
}

async function ask(
  route: Route,
  caller: Caller | undefined,
  upload: Upload | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
  { deps, authenticate }: ServeOptions,
) {
  const asked = route.ask({
    params: request.params,
    query: request.query,
    body: upload === undefined ? given(route, request) : undefined,
  })
  if ('faults' in asked)
    throw new Problem(asked.status, asked.faults.map((fault) => `${fault.field} ${fault.message}`).join('; '), asked.faults)
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return asked.run({
    deps,
    actor: caller === undefined ? NOBODY : { name: caller.name, role: caller.role, via: caller.via },
    signal: gone.signal,
    upload: upload?.stream,
    uploadType: upload === undefined ? undefined : typeOf(request),
    header: (name) => {
      const value = request.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    holds: async () => {
      if (route.permission === 'anybody') return true
      const now = await authenticate(request, true).catch(() => undefined)
      return now !== undefined && may(now.role, route.permission)
    },
    credential: caller?.credential,
    client: clientOf(request),
    search: new URL(request.url, 'http://revenant.invalid').search,
    requireMatch: (body) => {
      const header = request.headers['if-match']
      if (header === undefined || isMatched(header, etagOf(JSON.stringify(body)))) return
      throw new Problem(412, 'It has changed since you read it: read it again.')
    },
  })
}

/** Whoever signs in is nobody yet. */
const NOBODY: Actor = { name: 'nobody', role: 'viewer', via: 'session' }

/** Fastify gives null for no body at all. */
function given(route: Route, request: FastifyRequest): unknown {
  const { body } = request
  if (body === null) return undefined
  const empty = typeof body === 'object' && body !== undefined && Object.keys(body).length === 0 && !Array.isArray(body)
  return route.body === NONE && empty ? undefined : body
}

function isStream(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'pipe' in body
}

function send({ status, headers, cookies, content }: Rendered, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.code(status).headers({ 'cache-control': 'private, no-cache', vary: 'Authorization, Cookie', ...headers })
  for (const cookie of cookies) reply.header('set-cookie', cookie)
  if (content === undefined) return reply.send()
  if (typeof content === 'string' && (request.method === 'GET' || request.method === 'HEAD')) {
    const etag = etagOf(content)
    reply.header('etag', etag)
    if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
  }
  return reply.send(content)
}

function fail(error: unknown, route: Route, request: FastifyRequest, reply: FastifyReply, { deps }: ServeOptions): void {
  const problem = problemOf(error) ?? new Problem(500, 'The server failed: its log says why.')
  // What is left of a body that nobody wants is not waited for.
  if (hasBody(request) && !request.raw.complete) reply.header('connection', 'close')
  if (problem.status === 500) deps.logger.error({ err: error, operation: route.id }, 'a request failed')
  if (problem.status === 503) deps.logger.warn({ err: error, operation: route.id }, 'a request found no database')
  if (wantsPage(route, request))
    return void reply.code(problem.status).headers(problem.headers).type('text/html').send(problemPage(problem))
  void sendProblem(reply, problem.status, problem.message, problem.faults, problem)
}
