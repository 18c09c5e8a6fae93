import { readFile } from 'node:fs/promises'
import type { Agent } from 'undici'
import type { z } from 'zod'
import { errorCode } from '../../domain/error.ts'
import { MAX_ANSWER_BYTES, ManagerError, TIMEOUT_MS } from './manager.ts'

export interface Question {
  method: 'GET' | 'POST'
  /** Begins with `/`; encoded. */
  path: string
  headers?: Record<string, string>
  /** Sent as JSON. */
  json?: unknown
  /** Sent as a form. */
  form?: Record<string, string>
  signal: AbortSignal
}

export interface Answer {
  status: number
  /** Undefined where it was no JSON. */
  body: unknown
}

/** An HTTP client for one address: no redirects, no proxy of the environment, no retries, small answers. */
export interface ManagerHttp {
  ask(question: Question): Promise<Answer>
  close(): Promise<void>
}

export interface Tls {
  ca?: string
  cert?: string
  key?: string
}

/** @param tls read at the first request */
export function openHttp(address: string, tls: () => Promise<Tls>): ManagerHttp {
  let agent: Promise<Agent> | undefined
  let closed = false
  const open = async (): Promise<Agent> => {
    const { Agent } = await import('undici')
    const connect = { timeout: TIMEOUT_MS, rejectUnauthorized: true, ...(await tls()) }
    return new Agent({ connect, connections: 8, pipelining: 1, maxResponseSize: MAX_ANSWER_BYTES })
  }
  return {
    ask: async (question) => {
      if (closed) throw new ManagerError('unreachable', 'was taken out of the configuration')
      agent ??= open()
      // Files that could not be read may be there at the next try.
      const dispatcher = await agent.catch((error: unknown) => {
        agent = undefined
        throw error
      })
      return ask(address, dispatcher, question)
    },
    close: async () => {
      closed = true
      await (await agent)?.destroy()
    },
  }
}

async function ask(address: string, dispatcher: Agent, { method, path, headers, json, form, signal }: Question): Promise<Answer> {
  const { request } = await import('undici')
  const sent =
    json !== undefined
      ? { body: JSON.stringify(json), type: { 'content-type': 'application/json' } }
      : form !== undefined
        ? { body: new URLSearchParams(form).toString(), type: { 'content-type': 'application/x-www-form-urlencoded' } }
        : { body: null, type: {} }
  try {
    const { statusCode, body } = await request(`${address}${path}`, {
      method,
      headers: { accept: 'application/json', 'user-agent': 'revenant', ...sent.type, ...headers },
      body: sent.body,
      dispatcher,
      signal,
    })
    return { status: statusCode, body: parsed(await body.text()) }
  } catch (error) {
    // The message of a client may quote what was sent.
    throw error instanceof ManagerError ? error : new ManagerError('unreachable', `could not be asked (${codeOf(error)})`)
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

/** What a manager answered to a question, as its schema has it. Throws for every status but 200, and for what is not of its form. */
export function answered<T>(schema: z.ZodType<T>, { status, body }: Answer, hints: Readonly<Record<number, string>> = {}): T {
  if (status !== 200) throw refusal(status, hints[status])
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  throw new ManagerError('unfit', 'answered 200, and not in the form that it documents')
}

function refusal(status: number, hint: string | undefined): ManagerError {
  const said = `answered ${status}${hint === undefined ? '' : ` (${hint})`}`
  if (status === 404) return new ManagerError('missing', `${said}: it holds no such thing, or hides it`)
  if (status === 429 || status >= 500) return new ManagerError('unreachable', said)
  if (status >= 300 && status < 400) return new ManagerError('refused', `${said}: redirects are not followed`)
  return new ManagerError('refused', said)
}

/** A path of encoded segments. */
export function segments(...parts: readonly string[]): string {
  return parts
    .flatMap((part) => part.split('/'))
    .map((part) => `/${encodeURIComponent(part)}`)
    .join('')
}

/** The certificates of the authority that a manager's is to lead to. */
export async function pemOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw new ManagerError('unfit', `cannot be verified: ${path} cannot be read (${codeOf(error)})`)
  })
}
