import type { Agent } from 'undici'
import { errorCode, RevenantError } from '../../domain/error.ts'

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
  /** The answer's document. Throws `SOURCE_REFUSED` for what will not be better the next time, `SOURCE_UNREACHABLE` for the rest. */
  ask(question: HrQuestion): Promise<unknown>
  close(): Promise<void>
}

/** Asks one HR system: no redirects, no proxy of the environment, no retries. */
export function openHr(origin: string): HrClient {
  let agent: Promise<Agent> | undefined
  const open = async () => {
    const { Agent } = await import('undici')
    return new Agent({ connections: 4, connect: { timeout: CONNECT_MS }, maxResponseSize: MOST_ANSWER_BYTES, allowH2: false })
  }
  return {
    ask: (question) => {
      agent ??= open()
      return ask(origin, agent, question)
    },
    close: async () => {
      await (await agent)?.destroy()
    },
  }
}

async function ask(
  origin: string,
  agent: Promise<Agent>,
  { path, json, authorization, timeoutMs, signal }: HrQuestion,
): Promise<unknown> {
  const timeout = AbortSignal.timeout(timeoutMs)
  const answer = await agent
    .then(async (client) => {
      const { statusCode, body } = await client.request({
        ...{ origin, path, method: json === undefined ? 'GET' : 'POST' },
        headers: {
          ...{ accept: 'application/json', 'user-agent': 'revenant', authorization },
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: json === undefined ? null : JSON.stringify(json),
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      })
      return { statusCode, text: await body.text() }
    })
    .catch((error: unknown) => {
      // Neither the message of the client nor the address: both can hold what was sent.
      throw new RevenantError('SOURCE_UNREACHABLE', `the HR system gave no answer (${codeOf(error)})`)
    })
  if (answer.statusCode !== 200) throw refusal(answer.statusCode)
  try {
    return JSON.parse(answer.text)
  } catch {
    throw new RevenantError('SOURCE_REFUSED', 'the HR system answered 200, and no JSON')
  }
}

/** What an operator mends in a minute (401, 403) is asked again, so that no departure is lost meanwhile. */
function refusal(status: number): RevenantError {
  const again = status === 401 || status === 403 || status === 408 || status === 429 || status >= 500
  const hint = status === 401 || status === 403 ? ': look at the credential and at what it may see' : ''
  return new RevenantError(again ? 'SOURCE_UNREACHABLE' : 'SOURCE_REFUSED', `the HR system answered ${status}${hint}`)
}

function codeOf(error: unknown): string {
  const code = errorCode(error)
  if (code !== undefined && /^[A-Z][A-Z0-9_]{1,60}$/.test(code)) return code
  return error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : 'connection failed'
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
