import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { type ErrorCode, RevenantError } from '../domain/error.ts'

const TITLES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
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
  errors: z.array(fault).exactOptional(),
})

/** Thrown by a handler to answer with a problem. `detail` quotes nothing that was sent. */
export class Problem extends Error {
  readonly status: ProblemStatus
  readonly faults: readonly Fault[] | undefined

  constructor(status: ProblemStatus, detail: string, faults?: readonly Fault[]) {
    super(detail)
    this.name = 'Problem'
    this.status = status
    this.faults = faults
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

/** The problem that an error is to whoever asked; undefined for what is nobody's business but the log's. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error
  const status = error instanceof RevenantError ? STATUS[error.code] : undefined
  if (!(error instanceof RevenantError) || status === undefined) return undefined
  return new Problem(status, status === 503 ? 'The database does not answer.' : error.message)
}

/** Answers with a problem (RFC 9457). `detail` quotes nothing that was sent but the names of parameters. */
export function sendProblem(reply: FastifyReply, status: ProblemStatus, detail: string, errors?: readonly Fault[]): FastifyReply {
  const problem = { type: 'about:blank', title: TITLES[status], status, detail, ...(errors === undefined ? {} : { errors }) }
  return reply
    .code(status)
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
