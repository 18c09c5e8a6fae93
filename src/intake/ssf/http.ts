import type { Agent } from 'undici'
import { errorCode, RevenantError } from '../../domain/error.ts'
import { isSafeUrl } from './options.ts'

const TIMEOUT_MS = 15_000
/** A page of tokens; keys and configurations are much shorter. */
const MOST_ANSWER_BYTES = 8_388_608

export interface SsfQuestion {
  method: 'GET' | 'POST' | 'PATCH'
  url: string
  headers?: Record<string, string>
  /** Sent as JSON. */
  json?: unknown
  /** Sent as a form. */
  form?: Record<string, string>
  signal?: AbortSignal | undefined
}

export interface SsfAnswer {
  status: number
  text: string
  /** Undefined where it was no JSON. */
  body: unknown
}

export type SsfHttp = (question: SsfQuestion) => Promise<SsfAnswer>

/**
 * Asks a transmitter: no redirects, no proxy of the environment, no retries. Throws `SOURCE_UNREACHABLE` where no whole answer came, and
 * `SOURCE_REFUSED` for an address that must not be asked.
 */
export function openHttp(): SsfHttp {
  let agent: Promise<Agent> | undefined
  return async ({ method, url, headers, json, form, signal }) => {
    // What a transmitter says of itself names addresses as well.
    if (!isSafeUrl(url)) throw new RevenantError('SOURCE_REFUSED', 'the transmitter names an address that is not https://')
    // Loaded with the first question: it takes 20 MB.
    const { Agent, request } = await import('undici')
    agent ??= Promise.resolve(
      new Agent({ connections: 4, connect: { timeout: TIMEOUT_MS }, maxResponseSize: MOST_ANSWER_BYTES, allowH2: false }),
    )
    const timeout = AbortSignal.timeout(TIMEOUT_MS)
    const sent =
      json !== undefined
        ? { body: JSON.stringify(json), type: { 'content-type': 'application/json' } }
        : form !== undefined
          ? { body: new URLSearchParams(form).toString(), type: { 'content-type': 'application/x-www-form-urlencoded' } }
          : { body: null, type: {} }
    try {
      const { statusCode, body } = await request(url, {
        method,
        headers: { accept: 'application/json', 'user-agent': 'revenant', ...sent.type, ...headers },
        body: sent.body,
        dispatcher: await agent,
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      })
      const text = await body.text()
      return { status: statusCode, text, body: parsed(text) }
    } catch (error) {
      // Neither the message of the client nor the address: both can hold what was sent.
      throw new RevenantError('SOURCE_UNREACHABLE', `the transmitter gave no answer (${codeOf(error)})`)
    }
  }
}

function codeOf(error: unknown): string {
  const code = errorCode(error)
  return code !== undefined && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? code : 'connection failed'
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
