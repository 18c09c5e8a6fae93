import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { RevenantError } from '../../domain/error.ts'
import type { PullContext } from '../sources/source.ts'
import { wantedUris } from './events.ts'
import { isSafeUrl, type SsfOptions } from './options.ts'
import type { Place } from './place.ts'
import { STREAM_STATES, wasEchoed } from './take-set.ts'
import { answered, type Metadata, refuseBut, type Transmitter } from './transmitter.ts'

/** As SSF 1.0 has them, and as its drafts had: transmitters from before know the second alone. */
const METHODS = {
  push: ['urn:ietf:rfc:8935', 'https://schemas.openid.net/secevent/risc/delivery-method/push'],
  poll: ['urn:ietf:rfc:8936', 'https://schemas.openid.net/secevent/risc/delivery-method/poll'],
} as const

export interface Streaming {
  options: SsfOptions
  transmitter: Transmitter
  context: PullContext
  place: Place
}

const streamSchema = z.object({
  stream_id: z.string().min(1).max(1_000),
  iss: z.string(),
  aud: z.union([z.string(), z.array(z.string())]).transform((aud) => [aud].flat()),
  events_requested: z.array(z.string()).optional(),
  delivery: z.object({ method: z.string(), endpoint_url: z.string().optional() }).optional(),
  min_verification_interval: z.number().min(0).optional(),
})
type Stream = z.output<typeof streamSchema>
const streamsSchema = z.union([z.array(streamSchema).max(1_000), streamSchema]).transform((all) => [all].flat())

/**
 * Has the transmitter make the stream, or finds the one that it has and makes it be as it should be. Throws `SOURCE_REFUSED` where what
 * it makes is not the stream that the configuration speaks of.
 */
export async function setUpStream({ options, transmitter, context, place }: Streaming): Promise<Partial<Place>> {
  const metadata = await transmitter.metadata(context.signal)
  const { configuration, methods } = metadata
  if (configuration === undefined)
    throw new RevenantError('SOURCE_REFUSED', 'the transmitter does not say where streams are made (configuration_endpoint)')
  const wanted = await wantedStream(options, methods, context)
  const found = await findStream({ options, transmitter, context, place }, configuration)
  const stream = found === undefined ? await send('POST', wanted) : await mend(found)
  return checked(stream, options, metadata)

  async function send(method: 'POST' | 'PATCH', json: Record<string, unknown>): Promise<Stream> {
    const answer = await transmitter.ask({ method, url: configuration ?? '', json }, context)
    return answered(streamSchema, answer, 'stream', [200, 201])
  }
  function mend(stream: Stream): Promise<Stream> {
    // Always: whether the token that it sends is the present one cannot be seen.
    return send('PATCH', { stream_id: stream.stream_id, ...wanted })
  }
}

async function wantedStream(
  { stream, delivery, pushTokens, events }: SsfOptions,
  methods: readonly string[],
  { feed, readReference }: PullContext,
) {
  const [token] = pushTokens
  const method = METHODS[delivery].find((each) => methods.includes(each)) ?? METHODS[delivery][0]
  const header = token === undefined ? {} : { authorization_header: `Bearer ${(await readReference(token)).trim()}` }
  return {
    delivery: delivery === 'push' ? { method, endpoint_url: stream?.receiveAt, ...header } : { method },
    events_requested: wantedUris(events),
    description: `Revenant, source ${feed.name}`,
  }
}

/** The stream that was made before, or one that brings tokens here already. A receiver may have others that are none of our business. */
async function findStream({ options, transmitter, context, place }: Streaming, url: string): Promise<Stream | undefined> {
  const answer = await transmitter.ask({ method: 'GET', url }, context)
  if (answer.status === 404 || answer.status === 204) return undefined
  const streams = answered(streamsSchema, answer, 'streams')
  const methods: readonly string[] = METHODS[options.delivery]
  const ours = ({ delivery }: Stream) =>
    delivery !== undefined &&
    methods.includes(delivery.method) &&
    (options.delivery === 'poll' || delivery.endpoint_url === options.stream?.receiveAt)
  return streams.find(({ stream_id }) => stream_id === place.streamId) ?? streams.find(ours)
}

function checked(
  { stream_id, iss, aud, delivery, min_verification_interval }: Stream,
  options: SsfOptions,
  metadata: Metadata,
): Partial<Place> {
  if (iss !== options.issuer) throw new RevenantError('SOURCE_REFUSED', 'the stream is of another issuer than `issuer`')
  if (!aud.some((each) => options.audience.includes(each)))
    throw new RevenantError(
      'SOURCE_REFUSED',
      `the stream is for another audience: put ${JSON.stringify(aud[0])} into \`audience\``,
    )
  const isPolled = options.delivery === 'poll' && options.endpoints.poll === undefined
  return {
    streamId: stream_id,
    pollUrl: isPolled ? checkedPollUrl(delivery?.endpoint_url, options, metadata) : undefined,
    verifyLeastMs: min_verification_interval === undefined ? undefined : min_verification_interval * 1_000,
  }
}

/** The right to poll is sent nowhere that it is not sent already: neither to this machine nor to anybody else because a stream says so. */
function checkedPollUrl(said: string | undefined, options: SsfOptions, metadata: Metadata): string {
  if (said === undefined)
    throw new RevenantError('SOURCE_REFUSED', 'the transmitter does not say where the stream is polled (delivery.endpoint_url)')
  const { issuer, configurationUrl } = options
  const { configuration, status, verification } = metadata
  const known = [issuer, configurationUrl, configuration, status, verification].flatMap((each) => originOf(each) ?? [])
  const origin = originOf(said)
  if (origin !== undefined && known.includes(origin)) return said
  throw new RevenantError(
    'SOURCE_REFUSED',
    `the transmitter names another place to poll the stream than its own (${[...new Set(known)].join(', ')}): ` +
      'put its address into `endpoints.poll` where that is right',
  )
}

/** Undefined for what is no address to which secrets may go. */
function originOf(url: string | undefined): string | undefined {
  return url !== undefined && isSafeUrl(url) ? URL.parse(url)?.origin : undefined
}

/** Asks whether the stream is on. A stream that is not there any more is forgotten, to be made anew. */
export async function readStatus({ transmitter, context, place }: Streaming): Promise<Partial<Place>> {
  const { status } = await transmitter.metadata(context.signal)
  const { streamId } = place
  const stateAt = context.deps.now().epochMilliseconds
  if (status === undefined || streamId === undefined) return { stateAt }
  const answer = await transmitter.ask({ method: 'GET', url: withStream(status, streamId) }, context)
  if (answer.status === 404) return { streamId: undefined, stateAt: undefined }
  const { status: state } = answered(z.object({ status: z.enum(STREAM_STATES) }), answer, 'status')
  return { state, stateAt }
}

function withStream(address: string, streamId: string): string {
  const url = new URL(address)
  url.searchParams.set('stream_id', streamId)
  return url.href
}

/**
 * Asks for a verification where it is time, and looks whether the one that was asked for has come.
 *
 * @param keep remembers, before anything is sent: the echo may be quicker than the answer
 */
export async function verifyStream(
  { options, transmitter, context, place }: Streaming,
  keep: (change: Partial<Place>) => Promise<void>,
): Promise<void> {
  const { verification } = await transmitter.metadata(context.signal)
  const { asked, echoedAt, streamId } = place
  if (verification === undefined || streamId === undefined || options.stream === undefined) return
  const now = context.deps.now().epochMilliseconds
  if (asked !== undefined) {
    if (await wasEchoed(context.deps.db, context.feed.id, asked.state))
      return keep({ asked: undefined, failing: undefined, echoedAt: now })
    if (now - asked.at < options.stream.answerWithin) return
    context.log('warn', 'a verification of the stream did not come back', { askedAt: new Date(asked.at).toISOString() })
    await keep({ asked: undefined, failing: true })
  } else if (echoedAt !== undefined && now - echoedAt < Math.max(options.stream.verifyEvery, place.verifyLeastMs ?? 0)) return
  const state = randomBytes(24).toString('base64url')
  await keep({ asked: { state, at: now } })
  const json = { stream_id: streamId, state }
  const answer = await transmitter.ask({ method: 'POST', url: verification, json }, context)
  // Too soon for the transmitter is no fault of the stream: the next look asks again.
  if (answer.status === 429) return keep({ asked: undefined })
  refuseBut(answer, 'verification', [200, 202, 204])
}
