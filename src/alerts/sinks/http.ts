import type { Agent, Dispatcher } from 'undici'
import { MAX_BODY_BYTES } from '../formats/rendered.ts'
import { retryAfterMs } from '../webhook/retry-after.ts'
import { addressOf } from './http-address.ts'
import { type HttpAnswer, isSuccess } from './http-answer.ts'
import {
  durationMs,
  type Message,
  type Receipt,
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

/** The body of a message as a value, for receivers that take it within a document of their own; text stays text. */
export function documentOf({ rendered }: Message): unknown {
  return /^application\/(?:[\w.-]+\+)?json\b/.test(rendered.contentType) ? JSON.parse(rendered.body) : rendered.body
}

export function userAgent({ context }: SinkDeps): Record<string, string> {
  return { 'user-agent': `${context.product.name}/${context.product.version}` }
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
    const succeeded = isSuccess({ status })
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
