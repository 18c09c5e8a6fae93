import { z } from 'zod'
import type { EvidenceRoute } from './evidence-routes.ts'
import { problemSchema } from './problem.ts'

type Json = Record<string, unknown>

/** The OpenAPI 3.1 document of some routes, made of the schemas that check their requests and describe their answers. */
export function openApi(routes: readonly EvidenceRoute[], version: string): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Revenant evidence',
      version,
      description: 'Read-only. Every address wants the token of an auditor; that it was read is logged.',
    },
    paths: Object.fromEntries(routes.map((route) => [route.path, { get: operation(route) }])),
    components: {
      schemas: { Problem: asJson(problemSchema) },
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'The token of an auditor' } },
    },
    security: [{ token: [] }],
  }
}

/** The same for the document of the whole API, whose problems have the same form. */
export function pullPaths(routes: readonly EvidenceRoute[]): Json {
  return Object.fromEntries(
    routes.map((route) => {
      const told = operation(route)
      // Other operations of the API have these names.
      const operationId = `pull${route.id.charAt(0).toUpperCase()}${route.id.slice(1)}`
      return [route.path, { get: { ...told, operationId, tags: ['evidence'], security: [{ auditor: [] }] } }]
    }),
  )
}

function operation({ id, summary, params, query, answer }: EvidenceRoute): Json {
  const content =
    answer === undefined ? { 'text/plain': { schema: { type: 'string' } } } : { 'application/json': { schema: asJson(answer) } }
  return {
    operationId: id,
    summary,
    parameters: [...parametersIn('path', params), ...parametersIn('query', query), IF_NONE_MATCH],
    responses: {
      200: { description: 'What was asked for', headers: HEADERS, content },
      304: { description: 'It is what `If-None-Match` names', headers: { ETag: HEADERS.ETag } },
      400: problem('A parameter is wrong: `errors` names it'),
      401: problem('There is no token, or it is wrong', { 'WWW-Authenticate': header('`Bearer`') }),
      404: problem('There is nothing of that name, or no token is configured'),
      429: problem('Too many requests came with this token, or too many wrong ones from this address', {
        'Retry-After': header('Seconds'),
      }),
      500: problem('The server failed'),
    },
  }
}

const IF_NONE_MATCH = {
  name: 'If-None-Match',
  in: 'header',
  required: false,
  description: 'The ETag of an answer that you have.',
  schema: { type: 'string' },
}

const header = (description: string) => ({ description, schema: { type: 'string' } })

const HEADERS = {
  ETag: header('Strong: of the bytes of the answer'),
  Link: header('`rel="next"`: the next page, where there is one'),
  'Cache-Control': header('`private, no-cache`'),
  RateLimit: header('What is left of the budget, and when there is more'),
  'RateLimit-Policy': header('The budget'),
}

function problem(description: string, headers?: Json): Json {
  return {
    description,
    ...(headers === undefined ? {} : { headers }),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  }
}

function parametersIn(place: 'path' | 'query', schema: z.ZodObject): Json[] {
  return Object.entries(schema.shape).map(([name, of]) => {
    const { description, ...rest } = asJson(z.strictObject({ [name]: of }), name)
    const required = place === 'path' || !z.object({ [name]: of }).safeParse({}).success
    return { name, in: place, required, ...(description === undefined ? {} : { description }), schema: rest }
  })
}

/** JSON Schema 2020-12, OpenAPI 3.1's own; `property`: of that one. */
function asJson(schema: z.ZodType, property?: string): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'output' })
  if (property === undefined) return rest
  const of = rest.properties?.[property]
  return typeof of === 'object' ? { ...of } : {}
}
