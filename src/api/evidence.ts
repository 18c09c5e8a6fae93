import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { recordLook } from '../store/looks.ts'
import type { Logger } from '../telemetry/logger.ts'
import { etagOf, isKnown } from './etag.ts'
import { openApi } from './evidence-openapi.ts'
import { EVIDENCE_ROUTES, type EvidenceRoute, type PullDeps } from './evidence-routes.ts'
import { type AuditorTokens, EVIDENCE_PULLED } from './evidence-tokens.ts'
import { sendProblem } from './problem.ts'
import { openRate, type Rate, rateHeaders } from './rate.ts'
import { openThrottle, type Throttle } from './throttle.ts'

export interface EvidenceDeps extends PullDeps {
  /** Those of the configuration in force. While there are none, nothing is served. */
  tokens(): AuditorTokens
  version: string
  now(): Temporal.Instant
  logger: Logger
  /** Counts what each auditor asks for; left out: with budgets of its own. */
  rate?: Rate
}

/**
 * Serves evidence to the tools of auditors under `/v1/evidence/`, read-only, to whoever brings one of their tokens: paged, resumable,
 * with ETags, and within a budget for each. Each pull is logged before it is answered. The addresses and their parameters: `openapi.json`
 * there.
 */
export function addEvidenceRoutes(app: FastifyInstance, deps: EvidenceDeps): void {
  const front = { tokens: deps.tokens, throttle: openThrottle(), rate: deps.rate ?? openRate() }
  const errorHandler = (error: unknown, _request: FastifyRequest, reply: FastifyReply) => {
    deps.logger.error({ err: error }, 'evidence was not handed out')
    void sendProblem(reply, 500, 'The server failed: its log says why.')
  }
  for (const route of EVIDENCE_ROUTES)
    app.get(route.path.replaceAll(/\{(\w+)\}/g, ':$1'), { errorHandler }, async (request, reply) => {
      const auditor = authenticate(request, reply, front)
      return auditor === undefined ? reply : answer(route, auditor, request, reply, deps)
    })
  const document = JSON.stringify(openApi(EVIDENCE_ROUTES, deps.version))
  app.get('/v1/evidence/openapi.json', { errorHandler }, async (request, reply) =>
    authenticate(request, reply, front) === undefined ? reply : send(request, reply, JSON_TYPE, document),
  )
}

const JSON_TYPE = 'application/json; charset=utf-8'
const TEXT_TYPE = 'text/plain; charset=utf-8'

/** Whose token came with the request; undefined: the reply is on its way already. */
function authenticate(
  request: FastifyRequest,
  reply: FastifyReply,
  { tokens, throttle, rate }: Pick<EvidenceDeps, 'tokens'> & { throttle: Throttle; rate: Rate },
): string | undefined {
  if (tokens().count === 0) {
    reply.callNotFound()
    return undefined
  }
  const token = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1]
  const auditor = token === undefined ? undefined : tokens().nameOf(token)
  // A good token is heard however many wrong ones come from its address.
  if (auditor !== undefined) return within(auditor, reply, rate)
  const waitMs = throttle.waitMs(request.ip)
  if (waitMs > 0) {
    reply.header('retry-after', String(Math.ceil(waitMs / 1_000)))
    void sendProblem(reply, 429, 'Too many requests without a valid token came from this address.')
    return undefined
  }
  throttle.failed(request.ip)
  // RFC 6750 §3.1: no error code for whoever brought no token at all.
  const challenge = 'Bearer realm="revenant evidence"'
  reply.header('www-authenticate', token === undefined ? challenge : `${challenge}, error="invalid_token"`)
  void sendProblem(reply, 401, 'Send the token of an auditor: Authorization: Bearer …')
  return undefined
}

/** The auditor, as far as his budget goes; undefined: the reply is on its way already. */
function within(auditor: string, reply: FastifyReply, rate: Rate): string | undefined {
  const taken = rate('light', auditor)
  reply.headers(rateHeaders('light', taken))
  if (taken.ok) return auditor
  void sendProblem(reply, 429, 'Too many requests: wait a little.')
  return undefined
}

async function answer(
  route: EvidenceRoute,
  auditor: string,
  request: FastifyRequest,
  reply: FastifyReply,
  deps: EvidenceDeps,
): Promise<FastifyReply> {
  const asked = route.ask(request.params, request.query)
  if ('faults' in asked) {
    const detail = asked.faults.map(({ field, message }) => `${field} ${message}`).join('; ')
    return sendProblem(reply, asked.status, detail, asked.faults)
  }
  const pulled = await asked.pull(deps)
  if (pulled === undefined) return sendProblem(reply, 404, 'There is nothing of that name yet.')
  // What nobody could log nobody is told.
  await recordLook(deps.db, {
    actor: `token:${auditor}`,
    action: EVIDENCE_PULLED,
    subject: asked.subject,
    detail: { filter: asked.filter },
    at: deps.now(),
  })
  if (pulled.after !== undefined) reply.header('link', `<${nextPage(request, pulled.after)}>; rel="next"`)
  return send(request, reply, route.answer === undefined ? TEXT_TYPE : JSON_TYPE, pulled.body)
}

/** The same address and query with another `after`. */
function nextPage(request: FastifyRequest, after: string | number): string {
  const url = new URL(request.url, 'http://revenant.invalid')
  url.searchParams.set('after', String(after))
  return `${url.pathname}${url.search}`
}

function send(request: FastifyRequest, reply: FastifyReply, type: string, body: string): FastifyReply {
  const etag = etagOf(body)
  reply.headers({ etag, 'cache-control': 'private, no-cache', vary: 'Authorization' })
  if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
  return reply.type(type).send(body)
}
