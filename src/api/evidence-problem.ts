import type { FastifyReply } from 'fastify'
import { z } from 'zod'

const TITLES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
} as const

export type ProblemStatus = keyof typeof TITLES

const fault = z.strictObject({ field: z.string().describe('Name of the parameter'), message: z.string() })
export type Fault = z.infer<typeof fault>

/** RFC 9457. */
export const problemSchema = z.strictObject({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z.array(fault).exactOptional(),
})

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

/** What is wrong with parameters, one fault for each; values are not quoted. */
export function faultsOf(error: z.ZodError): Fault[] {
  const faults = error.issues.flatMap((issue): Fault[] =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ field: shown(key), message: 'is not a parameter of this address' }))
      : [{ field: shown(issue.path.map(String).join('.')), message: issue.message }],
  )
  return faults.filter(({ field }, at) => faults.findIndex((other) => other.field === field) === at)
}

function shown(name: string): string {
  return name.toWellFormed().slice(0, MAX_NAME)
}
