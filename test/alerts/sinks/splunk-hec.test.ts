/**
 * The receiver is written from Splunk's documentation ("HTTP Event Collector REST API endpoints", "About HTTP Event Collector Indexer
 * Acknowledgment", "Troubleshoot HTTP Event Collector"); Splunk itself is not to be had here.
 */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { advise } from '../../../src/alerts/advise.ts'
import type { Asked, Receive, Reply } from '../../servers/http-receiver.ts'
import { ALERT } from '../sample.ts'
import { failureOf, MARK, message, patience } from './deps.ts'
import { type HttpSinkSuite, httpSinkSuite, instead, workshop } from './http-suite.ts'

const TOKEN = `${MARK}-11111111-2222`
const EVENT = '/base/services/collector/event'
const event = z.strictObject({
  time: z.number(),
  host: z.string(),
  source: z.string(),
  sourcetype: z.string(),
  index: z.string().optional(),
  event: z.union([z.looseObject({}), z.string()]),
  // Indexed fields must be flat.
  fields: z.record(z.string(), z.string()),
})

const suite: HttpSinkSuite = {
  kind: 'splunk-hec',
  format: 'json',
  entry: (origin) => ({ to: `${origin}/base/`, secret: 'env:HEC' }),
  deps: () => ({ secret: `${TOKEN}\n` }),
  wrongDeps: () => ({ secret: `${MARK}-other` }),
  vendor: collector(),
  carries: ({ path }) => path === EVENT,
  identity: (asked) => eventIn(asked).fields.id,
  checksBody: true,
}

httpSinkSuite(suite)

describe('splunk-hec', () => {
  const { open, receiver } = workshop(suite)

  it('sends an event with the envelope as indexed fields', async () => {
    const { origin, asked } = await receiver(suite.vendor)
    await open(origin, { index: 'security' }).deliver(message(), patience())
    const [sent] = asked.map(eventIn)
    expect(sent).toMatchObject({
      time: 1_795_328_262.143,
      host: 'watch.example.com',
      source: 'revenant',
      sourcetype: 'revenant:json',
      index: 'security',
      event: { type: 'revenant.finding.opened', data: ALERT },
      fields: { id: ALERT.id, dedup: ALERT.dedupKey, severity: 'critical', instance: 'replica-1' },
    })
    expect(asked[0]?.headers).not.toHaveProperty('x-splunk-request-channel')
  })

  it('sends formats that are no JSON as text', async () => {
    const { origin, asked } = await receiver(suite.vendor)
    await open(origin, { format: 'text' }).deliver(message(ALERT, 'text'), patience())
    expect(asked.map(eventIn)[0]).toMatchObject({ sourcetype: 'revenant:text', event: expect.stringMatching(/^CRITICAL /) })
  })

  it('is delivered when an indexer acknowledges, on one channel, and not before', async () => {
    let polls = 0
    const { origin, asked } = await receiver(collector({ ack: true, acknowledged: () => ++polls > 2 }))
    const receipt = await open(origin, { ack: true }).deliver(message(), patience())
    expect(receipt).toEqual({ detail: { status: 200, polls: 3 } })
    const channels = asked.map(({ headers, query }) => query.get('channel') ?? headers['x-splunk-request-channel'])
    expect(new Set(channels).size).toBe(1)
    expect(channels[0]).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('is not delivered while nobody acknowledges', async () => {
    const { origin } = await receiver(collector({ ack: true, acknowledged: () => false }))
    const error = await failureOf(open(origin, { ack: true, timeout: '900ms' }))
    expect(error).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true, detail: { stage: 'ack', error: 'TIMEOUT' } })
    expect(advise(error)).toMatch(/no indexer has acknowledged/)
  })

  it('is not delivered where the acknowledgement cannot be asked for', async () => {
    const { origin } = await receiver((asked, response) =>
      asked.path === EVENT
        ? collector({ ack: true })(asked, response)
        : { status: 503, headers: { 'retry-after': '7' }, body: MARK },
    )
    const error = await failureOf(open(origin, { ack: true }))
    expect(error).toMatchObject({ retry: true, retryAfterMs: 7_000, detail: { stage: 'ack', status: 503 } })
  })

  it.each([
    [403, 1, true, /disabled/],
    [401, 2, true, /proxy/],
    [403, 4, true, /No such token/],
    [400, 5, false, /no event/],
    [400, 6, false, /cannot read/],
    [400, 7, true, /`index`/],
    [503, 9, true, /busy/],
    [400, 10, true, /ack: true/],
    [400, 14, true, /ack: false/],
    [400, 15, false, /fields/],
    [400, 999, false, /format/],
  ])('knows %i with code %i', async (status, code, retry, words) => {
    const { origin } = await receiver(instead(suite, () => ({ status, body: { text: MARK, code } })))
    const error = await failureOf(open(origin))
    expect(error).toMatchObject({ retry, detail: { status, ...(code === 999 ? {} : { code }) } })
    expect(advise(error)).toMatch(words)
  })
})

function eventIn({ body }: Asked) {
  return event.parse(JSON.parse(body.toString()))
}

/** A collector whose token has (or has not) indexer acknowledgement. */
function collector({ ack = false, acknowledged = () => true }: { ack?: boolean; acknowledged?: () => boolean } = {}): Receive {
  return (asked) => {
    const refusal = refusalOf(asked, ack)
    if (refusal !== undefined) return refusal
    if (asked.path === '/base/services/collector/ack') {
      const { acks } = z.strictObject({ acks: z.array(z.int()) }).parse(JSON.parse(asked.body.toString()))
      return { status: 200, body: { acks: Object.fromEntries(acks.map((id) => [id, acknowledged()])) } }
    }
    if (asked.path !== EVENT) return { status: 404, body: { text: 'The requested URL was not found on this server.', code: 404 } }
    if (!event.safeParse(JSON.parse(asked.body.toString())).success)
      return { status: 400, body: { text: 'Invalid data format', code: 6 } }
    return { status: 200, body: { text: 'Success', code: 0, ...(ack ? { ackId: 17 } : {}) } }
  }
}

function refusalOf({ headers, query }: Asked, ack: boolean): Reply | undefined {
  if (headers.authorization === undefined) return { status: 401, body: { text: 'Token is required', code: 2 } }
  if (headers.authorization !== `Splunk ${TOKEN}`) return { status: 403, body: { text: 'Invalid token', code: 4 } }
  const channel = query.get('channel') ?? headers['x-splunk-request-channel']
  if (ack && channel === undefined) return { status: 400, body: { text: 'Data channel is missing', code: 10 } }
  return undefined
}
