import { Agent, type Dispatcher, request } from 'undici'
import { z } from 'zod'
import { RevenantError } from '../../domain/error.ts'
import { parseReference, REFERENCE_FORMS } from '../../domain/reference.ts'
import { MAX_BODY_BYTES } from '../formats/rendered.ts'
import { retryAfterMs } from '../webhook/retry-after.ts'
import { sign, signingKeys } from '../webhook/signature.ts'
import {
  commonFields,
  durationMs,
  type Message,
  resolved,
  type Sink,
  type SinkDeps,
  SinkError,
  secretField,
  tlsFields,
  tlsMaterial,
  unreachable,
  within,
} from './sink.ts'

export const webhookEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    ...secretField,
    sink: z.literal('webhook'),
    to: z
      .string()
      .refine(
        (value) => isHookUrl(value) || parseReference(value) !== undefined,
        `give an https:// (or, in clear, http://) URL without user, password or fragment, or a reference to one (${REFERENCE_FORMS})`,
      ),
  })
  .refine(({ clientCert, clientKey }) => (clientCert === undefined) === (clientKey === undefined), {
    message: 'clientCert and clientKey belong together',
    path: ['clientCert'],
  })

type WebhookEntry = z.output<typeof webhookEntry>

/** Standard Webhooks asks for 15 to 30 seconds. */
const DEFAULT_TIMEOUT = '20s'
/** How long an answer's body may hold up a delivery that its status has decided already. */
const DRAIN_MS = 1_000
const DRAIN_BYTES = 65_536

/**
 * POSTs each alert as Standard Webhooks says. 2xx: delivered. 410: the receiver wants no more, the sink is to be disabled.
 * Everything else is a failure to be tried again, 3xx (never followed) and 4xx included: a receiver that is set up wrongly is
 * mended sooner or later, and the queue gives up by itself.
 */
export function openWebhook(entry: WebhookEntry, deps: SinkDeps): Sink {
  const { secret } = resolved(entry, deps, ['secret'])
  const keys = secret === undefined ? [] : signingKeys(secret)
  const url = hookUrl(entry, deps)
  const timeoutMs = durationMs(entry.timeout ?? DEFAULT_TIMEOUT)
  const agent = new Agent({
    connections: 4,
    pipelining: 1,
    allowH2: false,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: timeoutMs, ...tlsMaterial(entry, deps) },
  })
  return {
    name: entry.name,
    kind: 'webhook',
    maxBodyBytes: MAX_BODY_BYTES,
    async deliver(message, signal) {
      const answer = await post(agent, entry.name, url, headers(message, keys, deps), message, within(signal, timeoutMs))
      await drain(answer.body)
      if (answer.statusCode >= 200 && answer.statusCode < 300) return { detail: { status: answer.statusCode } }
      throw refusal(entry.name, answer, deps.now())
    },
    close: () => agent.destroy(),
  }
}

function headers({ envelope, rendered }: Message, keys: readonly Buffer[], { context, now }: SinkDeps): Record<string, string> {
  const timestamp = Math.floor(now().epochMilliseconds / 1_000)
  return {
    'content-type': rendered.contentType,
    'user-agent': `${context.product.name}/${context.product.version}`,
    'webhook-id': envelope.id,
    'webhook-timestamp': String(timestamp),
    ...(keys.length === 0 ? {} : { 'webhook-signature': sign(keys, envelope.id, timestamp, rendered.body) }),
  }
}

async function post(
  agent: Agent,
  name: string,
  url: string,
  headers: Record<string, string>,
  { rendered }: Message,
  signal: AbortSignal,
) {
  try {
    return await request(url, { method: 'POST', dispatcher: agent, headers, body: rendered.body, signal })
  } catch (thrown) {
    throw unreachable(name, 'request', thrown)
  }
}

/** Reads the body away so that the connection can serve again; a slow or large one costs the connection, not the delivery. */
async function drain(body: Dispatcher.ResponseData['body']): Promise<void> {
  await body.dump({ limit: DRAIN_BYTES, signal: AbortSignal.timeout(DRAIN_MS) }).catch(() => undefined)
}

function refusal(name: string, { statusCode, headers }: Dispatcher.ResponseData, now: Temporal.Instant): SinkError {
  const gone = statusCode === 410
  return new SinkError(
    'SINK_REFUSED',
    `sink ${name}: the receiver answered ${statusCode}${gone ? ' and wants no more alerts' : ''}`,
    {
      retry: !gone,
      disables: gone,
      retryAfterMs: gone ? undefined : retryAfterMs(headers['retry-after'], now),
      detail: { status: statusCode },
    },
  )
}

/** Many receivers put a secret into the path: their URL is a reference, and is never quoted. */
function hookUrl(entry: WebhookEntry, deps: SinkDeps): string {
  if (isHookUrl(entry.to)) return entry.to
  const { to } = resolved(entry, deps, ['to'])
  const url = to?.trim() ?? ''
  if (!isHookUrl(url))
    throw new RevenantError('CONFIG_INVALID', `sink ${entry.name}: to (${entry.to}) does not hold an https:// or http:// URL`)
  return url
}

function isHookUrl(value: string): boolean {
  const url = URL.parse(value)
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && !value.includes('#')
}
