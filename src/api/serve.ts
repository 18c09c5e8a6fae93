import { hash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Actor, may } from '../domain/access.ts'
import type { ApiDeps } from './deps.ts'
import { Problem, problemOf, sendProblem } from './problem.ts'
import type { Answer, Route } from './route.ts'

export interface ServeOptions {
  routes: readonly Route[]
  deps: ApiDeps
  /** Who asks; undefined: nobody that is known. Throws a `Problem` for whoever must wait. */
  authenticate(request: FastifyRequest): Promise<Actor | undefined>
}

const JSON_TYPE = 'application/json; charset=utf-8'
/** No JSON that a route takes is larger; uploads are streams. */
const BODY_LIMIT = 1_048_576

/** Serves routes: who asks, whether he may, what he sent, and only then the handler. */
export function serveRoutes(app: FastifyInstance, options: ServeOptions): void {
  for (const route of options.routes)
    app.route({
      method: route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      bodyLimit: BODY_LIMIT,
      errorHandler: (error, _request, reply) => fail(error, reply, options),
      handler: (request, reply) => handle(route, request, reply, options),
    })
}

async function handle(route: Route, request: FastifyRequest, reply: FastifyReply, options: ServeOptions): Promise<FastifyReply> {
  const actor = await options.authenticate(request)
  if (route.permission !== 'anybody') {
    if (actor === undefined) throw new Problem(401, 'Sign in, or send a token: Authorization: Bearer …')
    if (!may(actor.role, route.permission)) throw new Problem(403, `The role ${actor.role} may not do this.`)
  }
  const upload = isStream(request.body) ? request.body : undefined
  const asked = route.ask({
    params: request.params,
    query: request.query,
    body: upload === undefined ? given(request) : undefined,
  })
  if ('faults' in asked)
    throw new Problem(asked.status, asked.faults.map((fault) => `${fault.field} ${fault.message}`).join('; '), asked.faults)
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return send(await asked.run({ deps: options.deps, actor: actor ?? NOBODY, signal: gone.signal, upload }), route, request, reply)
}

/** Whoever signs in is nobody yet. */
const NOBODY: Actor = { name: 'nobody', role: 'viewer', via: 'session' }

/** Fastify gives null for no body at all. */
function given(request: FastifyRequest): unknown {
  return request.body === null ? undefined : request.body
}

function isStream(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'pipe' in body
}

function send(answer: Answer<unknown>, route: Route, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.code(route.status).header('cache-control', 'private, no-cache').header('vary', 'Authorization, Cookie')
  if ('stream' in answer) {
    if (answer.filename !== undefined) reply.header('content-disposition', `attachment; filename="${answer.filename}"`)
    return reply.type(answer.type).send(answer.stream)
  }
  if (answer.location !== undefined) reply.header('location', answer.location)
  if (answer.next !== undefined) reply.header('link', `<${nextPage(request, answer.next)}>; rel="next"`)
  if (route.status === 204) return reply.send()
  const body = typeof answer.body === 'string' && route.type !== undefined ? answer.body : JSON.stringify(answer.body)
  if (request.method === 'GET') {
    const etag = `"${hash('sha256', body, 'base64url')}"`
    reply.header('etag', etag)
    if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
  }
  return reply.type(route.type ?? JSON_TYPE).send(body)
}

/** RFC 9110 §13.1.2: compared weakly. */
function isKnown(header: string | undefined, etag: string): boolean {
  const tags = header?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? []
  return tags.includes(etag) || tags.includes('*')
}

/** The same address and query with another cursor. */
function nextPage(request: FastifyRequest, cursor: string): string {
  const url = new URL(request.url, 'http://revenant.invalid')
  url.searchParams.set('cursor', cursor)
  return `${url.pathname}${url.search}`
}

function fail(error: unknown, reply: FastifyReply, { deps }: ServeOptions): void {
  const problem = problemOf(error)
  if (problem !== undefined) return void sendProblem(reply, problem.status, problem.message, problem.faults)
  deps.logger.error({ err: error }, 'a request failed')
  void sendProblem(reply, 500, 'The server failed: its log says why.')
}
