import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { CERTIFICATE_PAIR } from './entry-rules.ts'
import { documentOf, type Http, httpSink } from './http.ts'
import { below, urlField } from './http-address.ts'
import { isSuccess, jsonOf, type KnownCode, refusedBy, unexpected } from './http-answer.ts'
import {
  commonFields,
  formatField,
  type Message,
  type Receipt,
  requiredSecret,
  resolvedSecret,
  type Sink,
  type SinkDeps,
  tlsFields,
  unreachable,
} from './sink.ts'

export const splunkHecEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    secret: requiredSecret('The HEC token.'),
    format: formatField(['json', 'ocsf', 'ecs', 'cef', 'leef', 'text']),
    sink: z.literal('splunk-hec'),
    to: urlField('The base URL of the collector, without /services/collector: https://splunk.internal:8088.'),
    index: z.string().min(1).max(255).optional().describe('Left out: the default index of the token.'),
    source: z.string().min(1).max(255).default('revenant'),
    sourcetype: z.string().min(1).max(255).optional().describe('Left out: revenant: and the format, e.g. revenant:json.'),
    ack: z
      .boolean()
      .default(false)
      .describe('Wait until the event is indexed; the token must have indexer acknowledgement enabled.'),
  })
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)

type SplunkHecEntry = z.output<typeof splunkHecEntry>

/** Indexers acknowledge within seconds, or minutes where they are busy. */
const ACK_TIMEOUT = '60s'
const FIRST_POLL_MS = 250
/** Splunk asks clients to poll no more often than every ten seconds under load. */
const LONGEST_POLL_MS = 5_000

/** Reply codes of HEC (Splunk Enterprise, "Troubleshoot HTTP Event Collector"): those that tell more than their status. */
const REPLIES: Readonly<Record<string, KnownCode>> = {
  1: { advice: 'The token is disabled: enable it under Data inputs, HTTP Event Collector.' },
  2: { advice: 'The request carried no token: a proxy on the way may take the Authorization header away.' },
  3: { advice: 'The Authorization header arrived changed: look at the proxies on the way.' },
  4: { advice: 'No such token here: check that `secret` is the value of a HEC token of this collector.' },
  5: { retry: false, advice: 'The collector found no event in the request: look at the proxies on the way.' },
  6: { retry: false, advice: 'The collector cannot read the event: see its splunkd.log.' },
  7: { retry: true, advice: 'The token may not write into `index`: allow it in the token, or name another.' },
  9: { advice: 'The collector is busy: it is tried again by itself.' },
  10: { retry: true, advice: 'The token has indexer acknowledgement enabled: set `ack: true`.' },
  11: {
    retry: true,
    advice: 'The collector does not take the channel: set `ack: true` and check that the token has acknowledgement.',
  },
  14: { retry: true, advice: 'The token has no indexer acknowledgement: enable it there, or set `ack: false`.' },
  15: { retry: false, advice: 'The collector cannot index the fields of the event: see its splunkd.log.' },
}

const reply = z.object({ code: z.int(), ackId: z.int().nonnegative().optional() })
const acks = z.object({ acks: z.record(z.string(), z.boolean()) })

/**
 * POSTs each alert as one event of Splunk's HTTP Event Collector. Delivered: the collector has taken it (code 0); with `ack`, an
 * indexer has written it, and what is not acknowledged in time is sent again. A retry after a lost acknowledgement stores the event
 * twice: the field `id` is the same.
 */
export function openSplunkHec(entry: SplunkHecEntry, deps: SinkDeps): Sink {
  // One channel a process: acknowledgements are kept per channel, and every open channel costs the indexer memory.
  const channel = randomUUID()
  const headers = {
    authorization: `Splunk ${resolvedSecret(entry, deps)}`,
    'content-type': 'application/json',
    ...(entry.ack ? { 'x-splunk-request-channel': channel } : {}),
  }
  return httpSink(entry, deps, {
    kind: 'splunk-hec',
    ...(entry.ack ? { timeout: ACK_TIMEOUT } : {}),
    async deliver(message, http): Promise<Receipt> {
      const url = below(http.to, 'services/collector/event')
      const answer = await http.post({ url, headers, body: JSON.stringify(eventOf(message, entry, deps)), read: 'all' })
      const said = jsonOf(answer, reply)
      if (!isSuccess(answer)) throw refusedBy(entry.name, answer, REPLIES, said?.code)
      if (said?.code !== 0) throw unexpected(entry.name, answer)
      const { status } = answer
      if (!entry.ack) return { detail: { status } }
      if (said.ackId === undefined) throw unexpected(entry.name, answer)
      const polls = await indexed(said.ackId, { http, headers, channel, name: entry.name })
      return { detail: { status, polls } }
    },
  })
}

/** The event as HEC wants it: epoch seconds, and the envelope's facts as indexed fields. */
function eventOf(message: Message, entry: SplunkHecEntry, { context }: SinkDeps) {
  const { envelope } = message
  return {
    time: Temporal.Instant.from(envelope.at).epochMilliseconds / 1_000,
    host: context.hostname,
    source: entry.source,
    sourcetype: entry.sourcetype ?? `revenant:${entry.format}`,
    ...(entry.index === undefined ? {} : { index: entry.index }),
    event: documentOf(message),
    fields: { ...envelope.facts, instance: context.product.instance },
  }
}

interface Poll {
  http: Http
  headers: Record<string, string>
  channel: string
  name: string
}

/** Asks until the indexer says so; how often it was asked. What the timeout ends is thrown as unreachable, at the stage `ack`. */
async function indexed(ackId: number, { http, headers, channel, name }: Poll): Promise<number> {
  const url = `${below(http.to, 'services/collector/ack')}?channel=${channel}`
  const body = JSON.stringify({ acks: [ackId] })
  let waitMs = FIRST_POLL_MS
  for (let polls = 1; ; polls++) {
    await sleep(waitMs, undefined, { signal: http.signal }).catch(() => {
      throw unreachable(name, 'ack', http.signal.reason)
    })
    const answer = await http.post({ url, stage: 'ack', headers, body, read: 'all' })
    if (!isSuccess(answer)) throw refusedBy(name, answer, REPLIES, jsonOf(answer, reply)?.code)
    const known = jsonOf(answer, acks)
    if (known === undefined) throw unexpected(name, answer)
    if (known.acks[String(ackId)] === true) return polls
    waitMs = Math.min(waitMs * 2, LONGEST_POLL_MS)
  }
}
