import type { Agent } from 'undici'
import { errorCode } from '../domain/error.ts'

export interface Question {
  method: 'GET' | 'POST' | 'PATCH'
  url: string
  headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  json?: unknown
  /** Sent as a form. */
  form?: Readonly<Record<string, string>>
  /** Left out: only the time-out calls it off. */
  signal?: AbortSignal | undefined
  /** In milliseconds, for the whole answer. */
  timeoutMs: number
}

export interface Answer {
  status: number
  text: string
  /** Undefined where it was no JSON. */
  body: unknown
}

/** No whole answer came. The message is a code: what a client says can quote what was sent. */
export class NoAnswer extends Error {
  constructor(cause: unknown) {
    super(codeOf(cause))
    this.name = 'NoAnswer'
  }
}

/** Asks servers that are not tried: managers of secrets, sources of leavers. */
export interface JsonClient {
  /** Throws `NoAnswer`; what `tls` throws is thrown as it is. */
  ask(question: Question): Promise<Answer>
  /** Breaks off what is under way. */
  close(): Promise<void>
}

export interface JsonClientOptions {
  /** The largest answer that is read, in bytes. */
  mostBytes: number
  connectMs: number
  /** PEM. Read at the first question; where that fails, at the next again. */
  tls?: () => Promise<{ ca?: string; cert?: string; key?: string }>
}

const CONNECTIONS = 8

/** A client without redirects, without a proxy of the environment, without retries. The caller vouches for the address. */
export function openJsonClient({ mostBytes, connectMs, tls = async () => ({}) }: JsonClientOptions): JsonClient {
  let agent: Promise<Agent> | undefined
  const open = async (): Promise<Agent> => {
    // Loaded with the first question: it takes 20 MB.
    const { Agent } = await import('undici')
    const connect = { timeout: connectMs, rejectUnauthorized: true, ...(await tls()) }
    return new Agent({ connect, connections: CONNECTIONS, pipelining: 1, maxResponseSize: mostBytes, allowH2: false })
  }
  return {
    ask: async (question) => {
      agent ??= open()
      const dispatcher = await agent.catch((error: unknown) => {
        agent = undefined
        throw error
      })
      return ask(dispatcher, question)
    },
    close: async () => {
      await (await agent?.catch(() => undefined))?.destroy()
    },
  }
}

async function ask(dispatcher: Agent, { method, url, headers, json, form, signal, timeoutMs }: Question): Promise<Answer> {
  const { request } = await import('undici')
  const timeout = AbortSignal.timeout(timeoutMs)
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
      dispatcher,
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    })
    const text = await body.text()
    return { status: statusCode, text, body: parsed(text) }
  } catch (error) {
    throw new NoAnswer(error)
  }
}

/** The code of a fault of the connection, which quotes nothing. */
export function codeOf(error: unknown): string {
  const code = errorCode(error)
  if (code !== undefined && /^[A-Z][A-Z0-9_]{1,60}$/.test(code)) return code
  return error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : 'connection failed'
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
