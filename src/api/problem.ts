import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { type ErrorCode, errorCode, RevenantError } from '../domain/error.ts'
import { isDatabaseAway } from '../store/away.ts'

const TITLES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
} as const

export type ProblemStatus = keyof typeof TITLES

const fault = z.strictObject({
  field: z.string().describe('Name of the parameter, or JSON pointer into the body'),
  message: z.string(),
})
export type Fault = z.infer<typeof fault>

/** RFC 9457. */
export const problemSchema = z.strictObject({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string().exactOptional().describe('What a program may decide by, where there is more to tell than the status'),
  errors: z.array(fault).exactOptional(),
})

/** What may stand in `code` beside the codes of `RevenantError`. */
export type ProblemCode =
  | ErrorCode
  | 'SIGN_IN_NEEDED'
  | 'ROLE_TOO_LOW'
  | 'CSRF'
  | 'CROSS_ORIGIN'
  | 'INSECURE'
  | 'SIGN_IN_REFUSED'
  | 'NO_ROLE'
  | 'KEY_IN_USE'
  | 'KEY_OF_ANOTHER'
  | 'SHOWN_ONCE'
  | 'TOO_MANY'

/** Thrown by a handler to answer with a problem. `detail` quotes nothing that was sent. */
export class Problem extends Error {
  readonly status: ProblemStatus
  readonly faults: readonly Fault[] | undefined
  readonly code: ProblemCode | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: ProblemStatus,
    detail: string,
    faults?: readonly Fault[],
    more: { code?: ProblemCode; headers?: Record<string, string> } = {},
  ) {
    super(detail)
    this.name = 'Problem'
    this.status = status
    this.faults = faults
    this.code = more.code
    this.headers = more.headers ?? {}
  }
}

const STATUS: Partial<Record<ErrorCode, ProblemStatus>> = {
  INPUT_INVALID: 422,
  NOT_FOUND: 404,
  CONFLICT: 409,
  SECRET_EMPTY: 422,
  SECRET_INVALID: 422,
  SECRET_UNAVAILABLE: 422,
  SECRET_CHANGED: 409,
  ORIGIN_CHANGED: 409,
  EVIDENCE_INVALID: 422,
  DATABASE_UNAVAILABLE: 503,
}

/** What fastify refuses before a handler sees it, by its code. Its own words may repeat what was sent. */
const REFUSED: Readonly<Record<string, readonly [ProblemStatus, string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'This address takes no content of that type.'],
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'The body is too large.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: [400, 'The body is empty: send JSON, or no Content-Type.'],
  FST_ERR_CTP_INVALID_JSON_BODY: [400, 'The body is not JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'The body is not as long as Content-Length says.'],
}

/** The problem that an error is to whoever asked; undefined for what is nobody's business but the log's. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error
  const refused = REFUSED[errorCode(error) ?? '']
  if (refused !== undefined) return new Problem(...refused)
  if (isBadJson(error)) return new Problem(400, 'The body is not JSON.')
  if (isDatabaseAway(error)) return new Problem(503, 'The database does not answer.', undefined, { code: 'DATABASE_UNAVAILABLE' })
  const status = error instanceof RevenantError ? STATUS[error.code] : undefined
  if (!(error instanceof RevenantError) || status === undefined) return undefined
  return new Problem(status, error.message, undefined, { code: error.code })
}

/** As the parser throws it, which also refuses `__proto__` and the like. */
function isBadJson(error: unknown): boolean {
  return error instanceof SyntaxError && 'statusCode' in error && error.statusCode === 400
}

/** Answers with a problem (RFC 9457). `detail` quotes nothing that was sent but the names of parameters. */
export function sendProblem(
  reply: FastifyReply,
  status: ProblemStatus,
  detail: string,
  errors?: readonly Fault[],
  more: Pick<Problem, 'code'> & Partial<Pick<Problem, 'headers'>> = { code: undefined },
): FastifyReply {
  const problem = {
    ...{ type: 'about:blank', title: TITLES[status], status, detail },
    ...(more.code === undefined ? {} : { code: more.code }),
    ...(errors === undefined ? {} : { errors }),
  }
  return reply
    .code(status)
    .headers({ ...more.headers })
    .header('cache-control', 'no-store')
    .type('application/problem+json; charset=utf-8')
    .send(Buffer.from(JSON.stringify(problem)))
}

/** The longest name of a parameter that is repeated to whoever sent it. */
const MAX_NAME = 64

/**
 * What is wrong with parameters, one fault for each; values are not quoted.
 *
 * @param pointer `/` where fields are told as JSON pointers (RFC 6901), for bodies
 */
export function faultsOf(error: z.ZodError, pointer?: '/'): Fault[] {
  const field = (path: readonly PropertyKey[]) => {
    const names = path.map(String)
    return shown(pointer === undefined ? names.join('.') : names.map((name) => `/${escaped(name)}`).join(''))
  }
  const unknown = pointer === undefined ? 'is not a parameter of this address' : 'is not a field of this body'
  const faults = error.issues.flatMap((issue): Fault[] =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ field: field([...issue.path, key]), message: unknown }))
      : [{ field: field(issue.path), message: issue.message }],
  )
  return faults.filter(({ field }, at) => faults.findIndex((other) => other.field === field) === at)
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function shown(name: string): string {
  return name.toWellFormed().slice(0, MAX_NAME)
}
