import { RevenantError } from '../../domain/error.ts'
import { NoAnswer, openJsonClient } from '../../outbound/json-client.ts'

/** A page of a report; one person is much shorter. */
const MOST_ANSWER_BYTES = 64 * 1024 * 1024
const CONNECT_MS = 15_000

export interface HrQuestion {
  path: string
  /** POSTed as JSON; left out: GET. */
  json?: unknown
  authorization: string
  timeoutMs: number
  signal?: AbortSignal
}

export interface HrClient {
  /** The answer's document. Throws `SOURCE_REFUSED` where there is nothing at that place, `SOURCE_UNREACHABLE` for all that may be better later. */
  ask(question: HrQuestion): Promise<unknown>
  close(): Promise<void>
}

/** Asks one HR system. */
export function openHr(origin: string): HrClient {
  const client = openJsonClient({ mostBytes: MOST_ANSWER_BYTES, connectMs: CONNECT_MS })
  return {
    ask: async ({ path, json, authorization, timeoutMs, signal }) => {
      const method = json === undefined ? 'GET' : 'POST'
      const question = { method, url: `${origin}${path}`, headers: { authorization }, json, timeoutMs, signal } as const
      const { status, body } = await client.ask(question).catch((error: unknown) => {
        if (!(error instanceof NoAnswer)) throw error
        throw new RevenantError('SOURCE_UNREACHABLE', `the HR system gave no answer (${error.message})`)
      })
      if (status !== 200) throw refusal(status)
      if (body === undefined) throw new RevenantError('SOURCE_UNREACHABLE', 'the HR system answered 200, and no JSON')
      return body
    },
    close: client.close,
  }
}

/**
 * Only what is not there, or not any more, is for good. A page of maintenance, a redirect to it, a request that it does not take just now
 * and what an operator mends in a minute (401, 403) are asked for again, so that no departure is lost meanwhile.
 */
function refusal(status: number): RevenantError {
  const isGone = status === 404 || status === 410
  const hint = status === 401 || status === 403 ? ': look at the credential and at what it may see' : ''
  return new RevenantError(isGone ? 'SOURCE_REFUSED' : 'SOURCE_UNREACHABLE', `the HR system answered ${status}${hint}`)
}

/** How a credential is shown. `keyAsUser`: the key is the user's name, as BambooHR wants it. */
export type AuthForm = 'basic' | 'bearer' | 'keyAsUser'

/** The header that shows a credential. Throws `SECRET_INVALID` for what no header can hold. */
export function authorizationOf(form: AuthForm, user: string | undefined, password: string): string {
  const secret = password.trim()
  if (form === 'bearer') {
    if (!/^[\x21-\x7e]+$/.test(secret))
      throw new RevenantError('SECRET_INVALID', 'the token of the HR system is no line of printable ASCII')
    return `Bearer ${secret}`
  }
  const pair = form === 'keyAsUser' ? `${secret}:x` : `${user?.trim() ?? ''}:${secret}`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}
