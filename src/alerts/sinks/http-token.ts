import { z } from 'zod'
import type { Http } from './http.ts'
import { type HttpAnswer, isSuccess, jsonOf, refused, unexpected } from './http-answer.ts'
import type { SinkError } from './sink.ts'

/** An OAuth 2.0 access token, fetched when first needed and kept until it is nearly over. */
export interface TokenSource {
  get(http: Http): Promise<string>
  /** The receiver does not accept this one (any more): the next `get` fetches another. */
  forget(token: string): void
}

export interface TokenRequest {
  /** The name of the sink, for its errors. */
  name: string
  url: string
  now(): Temporal.Instant
  /** The fields of the form (RFC 6749 §4.4.2, RFC 7523 §2.1), made anew for each request. */
  form(): Promise<Record<string, string>>
  /** What to say of a refusal that `error` alone does not explain. */
  advice(refusal: TokenRefusal): string | undefined
}

export interface TokenRefusal {
  /** RFC 6749 §5.2; undefined for anything else. */
  error: string | undefined
  /** Entra's own numbers (AADSTS…). */
  numbers: readonly number[]
}

/** Fetched anew so long before its end: clocks differ, and the request must arrive in time. */
const MARGIN_MS = 300_000

const granted = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().positive() })
const denied = z.object({
  error: z.enum([
    'invalid_request',
    'invalid_client',
    'invalid_grant',
    'unauthorized_client',
    'unsupported_grant_type',
    'invalid_scope',
  ]),
  error_codes: z.array(z.int()).default([]),
})

/**
 * Fetches and keeps tokens. A refusal is to be tried again, whatever its status: a wrong secret gets mended. `get` throws SinkErrors
 * at the stage `token`.
 */
export function tokenSource(of: TokenRequest): TokenSource {
  let kept: { token: string; until: number } | undefined
  return {
    async get(http) {
      if (kept !== undefined && of.now().epochMilliseconds < kept.until) return kept.token
      const form = new URLSearchParams(await of.form())
      const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' }
      const answer = await http.post({ url: of.url, stage: 'token', headers, body: form.toString(), read: 'all' })
      if (!isSuccess(answer)) throw refusal(of, answer)
      const grant = jsonOf(answer, granted)
      if (grant === undefined) throw unexpected(of.name, answer)
      kept = { token: grant.access_token, until: of.now().epochMilliseconds + grant.expires_in * 1_000 - MARGIN_MS }
      return grant.access_token
    },
    forget(token) {
      if (kept?.token === token) kept = undefined
    },
  }
}

function refusal(of: TokenRequest, answer: HttpAnswer): SinkError {
  const said = jsonOf(answer, denied)
  const numbers = said?.error_codes ?? []
  const code = numbers[0] === undefined ? said?.error : `${said?.error} ${numbers[0]}`
  return refused(of.name, answer, { retry: true, code, advice: of.advice({ error: said?.error, numbers }) })
}
