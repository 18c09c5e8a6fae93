import type { z } from 'zod'
import { SinkError } from './sink.ts'

/** What came back from one request, as far as its sink asked for it. */
export interface HttpAnswer {
  stage: string
  status: number
  retryAfterMs: number | undefined
  /** Lower case, without parameters; empty where there is none. */
  contentType: string
  /** Undefined: longer than such an answer can be, or broken off after a status that decides anyway. */
  body: Buffer | undefined
}

/** The document is at fault, and the next try would send the same one. */
const FINAL_STATUSES: ReadonlySet<number> = new Set([400, 413, 422])

/**
 * The SinkError of an answer that is no success. Of the body only what the caller found in a list of known codes goes on.
 *
 * @param facts.retry left out: everything but 400, 413 and 422, which the document itself has caused; a wrong set-up gets mended
 */
export function refused(name: string, answer: HttpAnswer, facts: Refusal = {}): SinkError {
  const { stage, status } = answer
  const retry = facts.retry ?? !FINAL_STATUSES.has(status)
  const at = stage === 'request' ? {} : { stage }
  const code = facts.code === undefined ? {} : { code: facts.code }
  const said = facts.code === undefined ? `${status}` : `${status} (${facts.code})`
  const place = stage === 'request' ? '' : ` (${stage})`
  return new SinkError(
    'SINK_REFUSED',
    `sink ${name}: the receiver answered ${said}${place}${facts.disables ? ' and wants no more alerts' : ''}`,
    {
      retry,
      retryAfterMs: retry ? answer.retryAfterMs : undefined,
      disables: facts.disables,
      detail: { ...at, status, ...code },
      advice: facts.advice,
    },
  )
}

/** A code that a receiver answers with, and what follows from it. */
export interface KnownCode {
  /** Left out: as the status says. */
  retry?: boolean
  advice: string
}

/** `refused`, by the table of a vendor's codes; a code that is not in it is not passed on. */
export function refusedBy(
  name: string,
  answer: HttpAnswer,
  codes: Readonly<Record<string, KnownCode>>,
  said: string | number | undefined,
): SinkError {
  const known = said !== undefined && Object.hasOwn(codes, said) ? codes[said] : undefined
  return refused(name, answer, known === undefined ? {} : { ...known, code: said })
}

interface Refusal {
  retry?: boolean | undefined
  disables?: boolean
  /** A code of the receiver's that our own tables know. */
  code?: string | number | undefined
  advice?: string | undefined
}

/** The SinkError of a success whose body is not what the protocol promises: a proxy, a login page, another service. */
export function unexpected(name: string, { stage, status }: HttpAnswer): SinkError {
  const detail = { ...(stage === 'request' ? {} : { stage }), status, error: 'UNEXPECTED_ANSWER' }
  return new SinkError('SINK_REFUSED', `sink ${name}: the answer ${status} is not one of this protocol`, { retry: true, detail })
}

/** The body of an answer as JSON of this shape; undefined for anything else. */
export function jsonOf<Schema extends z.ZodType>({ body }: HttpAnswer, schema: Schema): z.output<Schema> | undefined {
  if (body === undefined) return undefined
  try {
    return schema.safeParse(JSON.parse(body.toString())).data
  } catch {
    return undefined
  }
}

/** A page for people: no API answers so, but proxies and sign-in services do, and with 200. */
export function isPage({ contentType }: HttpAnswer): boolean {
  return contentType === 'text/html'
}

export function isSuccess({ status }: Pick<HttpAnswer, 'status'>): boolean {
  return status >= 200 && status < 300
}
