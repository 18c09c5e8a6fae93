import type { ChannelModel, ConfirmChannel } from 'amqplib'
import { z } from 'zod'
import { addressesOf, firstOf } from '../brokers/address.ts'
import { openBroker, type Refusal } from '../brokers/broker-sink.ts'
import { factHeaders } from '../brokers/facts.ts'
import { MAX_BODY_BYTES } from '../formats/rendered.ts'
import { CERTIFICATE_PAIR, tlsUnder, USERNAME_PAIR } from './entry-rules.ts'
import {
  commonFields,
  durationMs,
  type Message,
  resolved,
  type Sink,
  type SinkDeps,
  secretField,
  tlsFields,
  tlsMaterial,
} from './sink.ts'

const PORTS = { amqps: 5671, amqp: 5672 } as const
/** AMQP's short strings (0-9-1 §4.2.5.3) hold 255 bytes. */
const MAX_SHORT = 255

const TLS_ONLY = tlsUnder('amqps')

export const amqpEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    ...secretField,
    sink: z.literal('amqp'),
    to: z
      .string()
      .refine(
        (value) => addressesOf(value, PORTS) !== undefined,
        'give amqps://host:port (or, in clear, amqp://host:port), several brokers separated by commas',
      )
      .describe(
        'Brokers: amqps://host:port, or amqp://host:port in clear; of several, separated by commas, the first that answers.',
      ),
    vhost: z.string().min(1).max(MAX_SHORT).default('/').describe('The virtual host.'),
    exchange: z
      .string()
      .max(MAX_SHORT)
      .default('')
      .describe('The exchange; empty: the default one, whose routing key is a queue.'),
    routingKey: z
      .string()
      .min(1)
      .max(MAX_SHORT)
      .describe('What the exchange routes by; {kind}, {severity}, {event} and {system} stand for the alert’s own.'),
    username: z
      .string()
      .min(1)
      .max(MAX_SHORT)
      .optional()
      .describe('Its password is the secret; without it the client certificate signs in.'),
  })
  .refine(USERNAME_PAIR.holds, USERNAME_PAIR.fault)
  .refine(({ username, clientCert }) => username !== undefined || clientCert !== undefined, {
    message: 'give username and secret, or a client certificate (SASL EXTERNAL)',
    path: ['username'],
  })
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)
  .refine(TLS_ONLY.holds, TLS_ONLY.fault)

type AmqpEntry = z.output<typeof amqpEntry>

interface Link {
  connection: ChannelModel
  channel: ConfirmChannel
  alive: boolean
  /** The broker's reply code, once it has ended the channel or the connection. */
  fault?: number
  /** Messages that came back because no queue was bound, by id, with the reply code. */
  returned: Map<string, number>
}

/** RabbitMQ drops a peer that is silent for two of these; so do we. */
const HEARTBEAT_S = 30

/**
 * Publishes each alert to an exchange of a RabbitMQ-like broker (AMQP 0-9-1): persistent, mandatory, with publisher confirms.
 * Delivered: the broker has confirmed it, and routed it to one queue at least.
 */
export function openAmqp(entry: AmqpEntry, deps: SinkDeps): Sink {
  const timeoutMs = durationMs(entry.timeout ?? '15s')
  const { secret } = resolved(entry, deps, ['secret'])
  const tls = entry.to.startsWith('amqps:') ? tlsMaterial(entry, deps) : {}
  return openBroker<Link>({
    name: entry.name,
    kind: 'amqp',
    maxBodyBytes: MAX_BODY_BYTES,
    timeoutMs,
    open: () => connect(entry, secret, { timeout: timeoutMs, keepAlive: true, noDelay: true, ...tls }, deps),
    // Goodbyes of a channel that is gone already are no news.
    shut: async ({ connection }) => connection.close(),
    alive: ({ alive }) => alive,
    turnOf: ({ envelope }) => envelope.key,
    publish: (link, message) => publish(link, entry, message),
    refusal: refusalOf,
    advice: ADVICE,
  })
}

async function publish(link: Link, entry: AmqpEntry, { envelope, rendered }: Message): Promise<Record<string, string>> {
  const routingKey = routingKeyOf(entry.routingKey, envelope.facts)
  await new Promise<void>((resolve, reject) => {
    const properties = {
      mandatory: true,
      persistent: true,
      messageId: envelope.id,
      contentType: rendered.contentType,
      contentEncoding: 'utf-8',
      type: `revenant.${envelope.event}`,
      appId: 'revenant',
      timestamp: Math.floor(Temporal.Instant.from(envelope.at).epochMilliseconds / 1_000),
      headers: factHeaders(envelope, rendered),
    }
    link.channel.publish(entry.exchange, routingKey, Buffer.from(rendered.body), properties, (failed: unknown) => {
      // A message that could not be routed comes back before it is confirmed.
      const returned = link.returned.get(envelope.id)
      link.returned.delete(envelope.id)
      if (returned !== undefined) reject(new Reply(returned))
      else if (link.fault !== undefined) reject(new Reply(link.fault))
      else if (failed) reject(link.alive ? new Reply('NACK') : failure('ECONNRESET'))
      else resolve()
    })
  })
  return { exchange: entry.exchange === '' ? '(default)' : entry.exchange, routingKey }
}

/** What stands in braces is one word of the key: topic exchanges split at dots. */
function routingKeyOf(pattern: string, facts: Readonly<Record<string, string>>): string {
  const key = pattern.replace(/\{(kind|severity|event|system)\}/g, (_, name: string) =>
    (facts[name] ?? 'none').replace(/[.\s#*]+/g, '_'),
  )
  return Buffer.from(key)
    .subarray(0, MAX_SHORT)
    .toString()
    .replace(/\uFFFD$/, '')
}

async function connect(entry: AmqpEntry, secret: string | undefined, socket: object, { context }: SinkDeps): Promise<Link> {
  const amqp = await import('amqplib')
  const addresses = addressesOf(entry.to, PORTS)
  if (addresses === undefined) throw new TypeError('the schema let an address through that is none')
  const { username } = entry
  const credentials =
    username === undefined || secret === undefined ? amqp.credentials.external() : amqp.credentials.plain(username, secret)
  const connection = await firstOf(addresses, ({ scheme, host, port }) =>
    amqp.connect(
      { protocol: scheme, hostname: host, port, vhost: entry.vhost, heartbeat: HEARTBEAT_S },
      { ...socket, credentials, clientProperties: { connection_name: `revenant-${context.product.instance}` } },
    ),
  )
  connection.on('error', () => undefined)
  try {
    return watched(connection, await connection.createConfirmChannel())
  } catch (thrown) {
    await connection.close().catch(() => undefined)
    throw thrown
  }
}

function watched(connection: ChannelModel, channel: ConfirmChannel): Link {
  const link: Link = { connection, channel, alive: true, returned: new Map() }
  const ends = (error?: unknown) => {
    link.alive = false
    if (error instanceof Error && 'code' in error && typeof error.code === 'number') link.fault ??= error.code
  }
  connection.on('close', ends).on('error', ends)
  channel.on('close', () => ends()).on('error', ends)
  channel.on('return', ({ fields, properties }) => {
    const id: unknown = properties.messageId
    const code = 'replyCode' in fields ? fields.replyCode : undefined
    if (typeof id === 'string') link.returned.set(id, typeof code === 'number' ? code : 312)
  })
  return link
}

/** The broker's own word on a message: a reply code of AMQP 0-9-1 §1.2, or NACK. */
class Reply extends Error {
  readonly reply: number | 'NACK'

  constructor(reply: number | 'NACK') {
    super(`the broker answered ${reply}`)
    this.name = 'Reply'
    this.reply = reply
  }
}

/** CONTENT_TOO_LARGE, and what RabbitMQ says of a message above `max_message_size`, PRECONDITION_FAILED. */
const FINAL: ReadonlySet<number | string> = new Set([311, 406])
const ADVICE = {
  312: 'No queue is bound that this routing key reaches: bind one, or check `exchange` and `routingKey`.',
  403: 'The broker refuses this user here: check `username` and `secret`, and its permission to write to the exchange.',
  404: 'The exchange does not exist: create it, or check `exchange` and `vhost`.',
  406: 'The message is larger than the broker takes: raise its max_message_size.',
  NACK: 'A queue is full and refuses more (x-overflow): empty it, or raise its limit.',
  VHOST: 'The virtual host does not exist, or this user may not use it: check `vhost`.',
}

/** CONNECTION_FORCED: an operator or a shutdown ended the connection; that is no word on the message. */
const ENDED = 320

function refusalOf(thrown: unknown): Refusal | undefined {
  if (thrown instanceof Reply)
    return thrown.reply === ENDED ? undefined : { error: thrown.reply, retry: !FINAL.has(thrown.reply) }
  if (!(thrown instanceof Error)) return undefined
  if ('code' in thrown && typeof thrown.code === 'number')
    return thrown.code === ENDED ? undefined : { error: thrown.code, retry: !FINAL.has(thrown.code) }
  // Of a connection that is refused at the handshake the client keeps the reply code in its message only: "… by server: 403 (ACCESS-REFUSED) …".
  const code = /^Handshake terminated by server: (\d{3}) /.exec(thrown.message)?.[1]
  if (code !== undefined) return { error: Number(code), retry: true }
  // And of one that is refused after that nothing but the step: the virtual host is unknown, or closed to this user.
  return thrown.message.startsWith('Expected ConnectionOpenOk;') ? { error: 'VHOST', retry: true } : undefined
}

function failure(code: string): Error {
  return Object.assign(new Error(`the connection failed: ${code}`), { code })
}
