import { z } from 'zod'
import { pullPaths } from './evidence-openapi.ts'
import type { EvidenceRoute } from './evidence-routes.ts'
import { asJson, liftDefinitions, parametersIn } from './openapi-schema.ts'
import { problemSchema } from './problem.ts'
import { NONE, NOTHING, type Route, route, TAGS } from './route.ts'

type Json = Record<string, unknown>

/** The route that hands the document out. @param told what it tells of, this one included */
export function openApiRoute(told: () => { routes: readonly Route[]; pulls: readonly EvidenceRoute[] }): Route {
  let made: { version: string; text: string } | undefined
  return route({
    method: 'GET',
    path: '/v1/openapi.json',
    id: 'getOpenApi',
    tag: 'access',
    summary: 'This document',
    permission: 'read',
    params: NOTHING,
    query: NOTHING,
    body: NONE,
    answer: z.string(),
    type: 'application/json; charset=utf-8',
    handle: async ({ deps: { version } }) => {
      const { routes, pulls } = told()
      if (made?.version !== version) made = { version, text: JSON.stringify(openApi(routes, version, pulls)) }
      return { body: made.text }
    },
  })
}

/**
 * The OpenAPI 3.1 document of routes, made of the schemas that check their requests and describe their answers.
 *
 * @param pulls what auditors read with tokens of the configuration
 */
export function openApi(routes: readonly Route[], version: string, pulls: readonly EvidenceRoute[] = []): Json {
  const paths = new Map<string, Json>()
  const schemas: Json = { Problem: asJson(problemSchema, 'output') }
  for (const each of routes) {
    const told = liftDefinitions(operation(each), schemas)
    paths.set(each.path, { ...paths.get(each.path), [each.method.toLowerCase()]: told })
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Revenant', version, description: DESCRIPTION },
    tags: TAGS.filter((tag) => routes.some((each) => each.tag === tag)).map((name) => ({ name })),
    paths: { ...Object.fromEntries(paths), ...pullPaths(pulls) },
    components: {
      schemas,
      headers: HEADERS,
      securitySchemes: {
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: '__Host-revenant-session',
          description: 'Of a browser that signed in (over plain HTTP: revenant-session-PORT). Changes need X-CSRF-Token as well.',
        },
        token: { type: 'http', scheme: 'bearer', description: 'An API token' },
        auditor: { type: 'http', scheme: 'bearer', description: 'The token of an auditor: evidence.auditorTokens' },
      },
    },
    security: [{ session: [] }, { token: [] }],
  }
}

const DESCRIPTION =
  'Lists answer `{ items, next }`: what `next` says is the `cursor` of the next page. Instants are RFC 3339 in UTC. Errors are RFC 9457 problems. What each operation asks of the role stands in `x-permission`; docs/api.md tells more. What `auditor` opens is there where the configuration names auditors.'

function operation(each: Route): Json {
  const { id, tag, summary, permission, params, query, method } = each
  return {
    operationId: id,
    tags: [tag],
    summary,
    'x-permission': permission,
    'x-cost': each.cost,
    ...(permission === 'anybody' ? { security: [] } : {}),
    parameters: [...parametersIn('path', params), ...parametersIn('query', query), ...headersOf(each)],
    ...bodyOf(each),
    responses: { [each.status]: success(each), ...problemsOf(each), ...(method === 'GET' ? NOT_MODIFIED : {}) },
  }
}

const header = (name: string, description: string, schema: Json = { type: 'string' }) => ({
  ...{ name, in: 'header', required: false, description, schema },
})

function headersOf({ method, permission, status }: Route): Json[] {
  if (method === 'GET') return status === 200 ? [header('If-None-Match', 'The ETag of an answer that you have.')] : []
  if (permission === 'anybody') return []
  return [
    header('X-CSRF-Token', 'With a session: what GET /v1/session gives as `csrf`. Tokens need none.'),
    ...(method === 'POST'
      ? [
          header('Idempotency-Key', 'The same key within 24 hours: the same answer, and nothing is done twice.', {
            ...{ type: 'string', minLength: 1, maxLength: 255 },
          }),
        ]
      : []),
  ]
}

function bodyOf({ body, uploads }: Route): Json {
  const json = body === NONE ? {} : { 'application/json': { schema: asJson(body, 'input') } }
  const files = Object.fromEntries(uploads.map((type) => [type, {}]))
  const content = { ...json, ...files }
  if (Object.keys(content).length === 0) return {}
  return { requestBody: { required: !body.safeParse(undefined).success || uploads.length > 0, content } }
}

function success({ answer, status, type, method }: Route): Json {
  if (status === 303) return { description: 'The way leads on', headers: { Location: HEADERS.Location } }
  if (status === 204) return { description: 'Done' }
  const media = type?.split(';')[0] ?? 'application/json'
  const schema = answer === NONE ? {} : { schema: type === undefined ? asJson(answer, 'input') : { type: ['string', 'object'] } }
  const names = method === 'GET' ? ['ETag', 'Link', ...RATE] : [...(status === 201 ? ['Location'] : []), ...RATE]
  return {
    description: status === 202 ? 'Taken up' : 'What was asked for',
    headers: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
    content: { [media]: schema },
  }
}

const HEADERS: Readonly<Record<string, Json>> = {
  ETag: { description: 'Strong: of the bytes of the answer', schema: { type: 'string' } },
  Link: { description: '`rel="next"`: the next page, where there is one', schema: { type: 'string' } },
  Location: { description: 'Where it is', schema: { type: 'string' } },
  RateLimit: { description: 'What is left of the budget, and when there is more', schema: { type: 'string' } },
  'RateLimit-Policy': { description: 'The budget', schema: { type: 'string' } },
  'Retry-After': { description: 'Seconds', schema: { type: 'string' } },
  Allow: { description: 'The methods that the address takes', schema: { type: 'string' } },
  'WWW-Authenticate': { description: '`Bearer`', schema: { type: 'string' } },
}
const RATE = ['RateLimit', 'RateLimit-Policy']

const NOT_MODIFIED = {
  304: { description: 'It is what `If-None-Match` names', headers: { ETag: { $ref: '#/components/headers/ETag' } } },
}

/** Everything that may go wrong, told where it may. */
function problemsOf({ method, permission, body, uploads, status }: Route): Json {
  const writes = method !== 'GET'
  const takes = body !== NONE || uploads.length > 0
  return {
    400: problem('A parameter or the body is wrong: `errors` names it'),
    401: problem('Nobody is signed in, and there is no token that is good', 'WWW-Authenticate'),
    403: problem(
      permission === 'anybody' ? 'Refused' : `The role lacks the permission ${permission}, or the CSRF token is missing`,
    ),
    404: problem('There is nothing of that name'),
    ...(status === 303 ? {} : { 406: problem('`Accept` names nothing that this address answers with') }),
    ...(writes
      ? { 409: problem('It does not go together with how things stand'), 412: problem('`If-Match` names an older one') }
      : {}),
    ...(takes ? { 413: problem('The body is too large') } : {}),
    415: problem('The body is of a type that this address does not take'),
    ...(writes ? { 422: problem('What was sent cannot be done') } : {}),
    429: problem('Too many requests', 'Retry-After'),
    500: problem('The server failed'),
    503: problem('Something that it needs does not answer'),
  }
}

function problem(description: string, ...headers: string[]): Json {
  return {
    description,
    ...(headers.length === 0
      ? {}
      : { headers: Object.fromEntries(headers.map((name) => [name, { $ref: `#/components/headers/${name}` }])) }),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  }
}
