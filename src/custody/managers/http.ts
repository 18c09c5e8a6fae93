import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import { type Answer, codeOf, type Question as JsonQuestion, NoAnswer, openJsonClient } from '../../outbound/json-client.ts'
import { MAX_ANSWER_BYTES, ManagerError, TIMEOUT_MS } from './manager.ts'

export type { Answer }

export interface Question extends Omit<JsonQuestion, 'url' | 'timeoutMs'> {
  method: 'GET' | 'POST'
  /** Begins with `/`; encoded. */
  path: string
  signal: AbortSignal
}

/** An HTTP client for one address, for small answers. */
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
  const client = openJsonClient({ mostBytes: MAX_ANSWER_BYTES, connectMs: TIMEOUT_MS, tls })
  let closed = false
  return {
    ask: async ({ path, ...question }) => {
      if (closed) throw new ManagerError('unreachable', 'was taken out of the configuration')
      return client.ask({ ...question, url: `${address}${path}`, timeoutMs: TIMEOUT_MS }).catch((error: unknown) => {
        throw error instanceof NoAnswer ? new ManagerError('unreachable', `could not be asked (${error.message})`) : error
      })
    },
    close: async () => {
      closed = true
      await client.close()
    },
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
