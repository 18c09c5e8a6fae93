import type { Agent, Dispatcher } from 'undici'
import { z } from 'zod'
import { RevenantError } from '../../domain/error.ts'
import { parseReference, REFERENCE_FORMS } from '../../domain/reference.ts'
import { MAX_BODY_BYTES } from '../formats/rendered.ts'
import { retryAfterMs } from '../webhook/retry-after.ts'
import {
  durationMs,
  type Message,
  type Receipt,
  resolved,
  type Sink,
  type SinkDeps,
  SinkError,
  tlsMaterial,
  unreachable,
  within,
} from './sink.ts'

const DEFAULT_TIMEOUT = '20s'
/** How long an answer's body may hold up a delivery that its status has decided already. */
const DRAIN_MS = 1_000
/** Answers of these protocols are a few hundred bytes; what is longer is another protocol. */
const MOST_ANSWER_BYTES = 65_536
/** The document is at fault, and the next try would send the same one. */
const FINAL_STATUSES: ReadonlySet<number> = new Set([400, 413, 422])

/** What an HTTP sink says of itself, beside how it delivers. */
export interface HttpSinkOptions {
  kind: string
  /** Where the entry leaves `timeout` out. */
  timeout?: string
  /** What the receiver takes at most, in bytes; longer bodies are refused here, for good. */
  mostBytes?: number
  /** `maxBodyBytes` of the sink. */
  maxBodyBytes?: number
  deliver(message: Message, http: Http): Promise<Receipt>
}

/** One delivery's way to its receiver: every request shares the entry's timeout. */
export interface Http {
  /** The entry's address, resolved; never to be quoted. */
  readonly to: string
  readonly signal: AbortSignal
  /** POSTs once. Throws a SinkError where no answer came; redirects are answers like others. */
  post(request: HttpRequest): Promise<HttpAnswer>
}

export interface HttpRequest {
  /** Left out: the entry's address. */
  url?: string
  /** What the request is for, where a delivery makes several: `token`, `ack`. */
  stage?: string
  headers: Record<string, string>
  body: string | Uint8Array
  /** Whose answers' bodies matter: nobody's (the default), a refusal's, every one. */
  read?: 'nothing' | 'refusal' | 'all'
}

export interface HttpAnswer {
  stage: string
  status: number
  retryAfterMs: number | undefined
  /** Lower case, without parameters; empty where there is none. */
  contentType: string
  /** Undefined: longer than such an answer can be, or broken off after a status that decides anyway. */
  body: Buffer | undefined
}

/** Opens an HTTP sink: its connections, its TLS and its address, as the entry says. */
export function httpSink(entry: HttpEntry, deps: SinkDeps, options: HttpSinkOptions): Sink {
  const timeoutMs = durationMs(entry.timeout ?? options.timeout ?? DEFAULT_TIMEOUT)
  const to = addressOf(entry, deps)
  const connect = { timeout: timeoutMs, ...tlsMaterial(entry, deps) }
  let opened: Promise<Agent> | undefined
  // undici takes 20 MB: it is loaded with the first delivery.
  const agent = () => {
    opened ??= import('undici').then(
      ({ Agent }) =>
        new Agent({
          connections: 4,
          pipelining: 1,
          allowH2: false,
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
          connect,
        }),
    )
    return opened
  }
  return {
    name: entry.name,
    kind: options.kind,
    maxBodyBytes: options.maxBodyBytes ?? MAX_BODY_BYTES,
    async deliver(message, signal) {
      checkSize(entry.name, message, options.mostBytes)
      const bounded = within(signal, timeoutMs)
      const post = (one: HttpRequest) => exchange({ ...one, url: one.url ?? to }, { agent, entry, deps, signal: bounded })
      return options.deliver(message, { to, signal: bounded, post })
    },
    close: async () => {
      await (await opened)?.destroy()
    },
  }
}

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

/** The body of a message as a value, for receivers that take it within a document of their own; text stays text. */
export function documentOf({ rendered }: Message): unknown {
  return /^application\/(?:[\w.-]+\+)?json\b/.test(rendered.contentType) ? JSON.parse(rendered.body) : rendered.body
}

/** A page for people: no API answers so, but proxies and sign-in services do, and with 200. */
export function isPage({ contentType }: HttpAnswer): boolean {
  return contentType === 'text/html'
}

export function isSuccess({ status }: HttpAnswer): boolean {
  return status >= 200 && status < 300
}

export function userAgent({ context }: SinkDeps): Record<string, string> {
  return { 'user-agent': `${context.product.name}/${context.product.version}` }
}

/** `to`: a URL, or a reference to one, since many hold a secret. */
export function urlField(description: string) {
  return z
    .string()
    .refine(
      (value) => isHttpUrl(value) || parseReference(value) !== undefined,
      `give an https:// (or, in clear, http://) URL without user, password or fragment, or a reference to one (${REFERENCE_FORMS})`,
    )
    .describe(description)
}

/** A URL that is no secret and cannot be a reference. */
export function plainUrlField(description: string) {
  return z
    .string()
    .refine(isHttpUrl, 'give an https:// (or, in clear, http://) URL without user, password or fragment')
    .describe(description)
}

/** A path below an address that an entry gives as a base, with or without a slash at its end. */
export function below(base: string, path: string): string {
  const url = new URL(base)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`
  return url.href
}

type HttpEntry = Parameters<typeof tlsMaterial>[0] & { to: string; timeout?: string | undefined }

interface Way {
  agent(): Promise<Agent>
  entry: HttpEntry
  deps: SinkDeps
  signal: AbortSignal
}

async function exchange(one: HttpRequest & { url: string }, { agent, entry, deps, signal }: Way): Promise<HttpAnswer> {
  const stage = one.stage ?? 'request'
  try {
    const headers = { ...userAgent(deps), ...one.headers }
    const { origin, pathname, search } = new URL(one.url)
    const client = await agent()
    const answer = await client.request({ origin, path: `${pathname}${search}`, method: 'POST', headers, body: one.body, signal })
    const { statusCode: status } = answer
    const succeeded = status >= 200 && status < 300
    const wanted = one.read === 'all' || (one.read === 'refusal' && !succeeded)
    return {
      stage,
      status,
      retryAfterMs: retryAfterMs(answer.headers['retry-after'], deps.now()),
      contentType:
        String(answer.headers['content-type'] ?? '')
          .toLowerCase()
          .split(';')[0]
          ?.trim() ?? '',
      body: wanted && succeeded ? await whole(answer.body) : await glance(answer.body, wanted),
    }
  } catch (thrown) {
    throw unreachable(entry.name, stage, thrown)
  }
}

/** What a status has decided waits no longer for its body: a slow or large one costs the connection, not the delivery. */
async function glance(body: Dispatcher.ResponseData['body'], wanted: boolean): Promise<Buffer | undefined> {
  const signal = AbortSignal.timeout(DRAIN_MS)
  if (!wanted)
    return body.dump({ limit: MOST_ANSWER_BYTES, signal }).then(
      () => undefined,
      () => undefined,
    )
  const stop = () => body.destroy()
  signal.addEventListener('abort', stop, { once: true })
  return whole(body)
    .catch(() => undefined)
    .finally(() => signal.removeEventListener('abort', stop))
}

async function whole(body: Dispatcher.ResponseData['body']): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    const part = Buffer.from(chunk)
    bytes += part.length
    // Leaving the loop destroys the body, and the connection with it.
    if (bytes > MOST_ANSWER_BYTES) return undefined
    chunks.push(part)
  }
  return Buffer.concat(chunks)
}

/** What even the shortest rendering leaves too long would be refused: nothing is sent, and nobody tries again. */
function checkSize(name: string, { rendered }: Message, mostBytes: number | undefined): void {
  const bytes = Buffer.byteLength(rendered.body)
  if (mostBytes === undefined || bytes <= mostBytes) return
  throw new SinkError('SINK_REFUSED', `sink ${name}: the document has ${bytes} bytes, the receiver takes ${mostBytes}`, {
    retry: false,
    detail: { error: 'TOO_LARGE', bytes, mostBytes },
  })
}

/** Many receivers put a secret into the path: their URL is a reference, and is never quoted. */
function addressOf(entry: HttpEntry, deps: SinkDeps): string {
  if (isHttpUrl(entry.to)) return entry.to
  const url = resolved(entry, deps, ['to']).to?.trim() ?? ''
  if (!isHttpUrl(url))
    throw new RevenantError('CONFIG_INVALID', `sink ${entry.name}: to (${entry.to}) does not hold an https:// or http:// URL`)
  return url
}

function isHttpUrl(value: string): boolean {
  const url = URL.parse(value)
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && !value.includes('#')
}
