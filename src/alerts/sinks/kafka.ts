import { isIP } from 'node:net'
import type { Connection, Producer } from '@platformatic/kafka'
import { z } from 'zod'
import { addressesOf } from '../brokers/address.ts'
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

const PORTS = { tls: 9093, tcp: 9092 } as const
/** By the names that configurations use; the protocol's are in capitals. */
const MECHANISMS = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const

const TLS_ONLY = tlsUnder('tls')

export const kafkaEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    ...secretField,
    sink: z.literal('kafka'),
    to: z
      .string()
      .refine(
        (value) => addressesOf(value, PORTS) !== undefined,
        'give tls://host:port (or, in clear, tcp://host:port), several brokers separated by commas',
      )
      .describe('Brokers to start from: tls://host:port, or tcp://host:port in clear; several are separated by commas.'),
    topic: z
      .string()
      .regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/, 'give 1 to 249 letters, digits, dots, underscores and hyphens')
      .describe('The topic; it is never created by Revenant.'),
    mechanism: z
      .enum(['plain', 'scram-sha-256', 'scram-sha-512'])
      .default('scram-sha-512')
      .describe('How username and secret are shown (SASL).'),
    username: z.string().min(1).max(256).optional().describe('SASL user; its password is the secret.'),
  })
  .refine(USERNAME_PAIR.holds, USERNAME_PAIR.fault)
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)
  .refine(TLS_ONLY.holds, TLS_ONLY.fault)

type KafkaEntry = z.output<typeof kafkaEntry>

/** A produce request that was lost is sent again under the same sequence number, which the broker writes once. */
const RETRIES = 2
const RETRY_DELAY_MS = 250

/**
 * Produces each alert as one record under the key of its finding, so that a finding stays in one partition, in order. Delivered:
 * all in-sync replicas have it (acks=all, idempotent producer).
 */
export function openKafka(entry: KafkaEntry, deps: SinkDeps): Sink {
  const timeoutMs = durationMs(entry.timeout ?? '15s')
  const options = { ...connection(entry, deps), ...limits(timeoutMs) }
  return openBroker<Producer>({
    name: entry.name,
    kind: 'kafka',
    maxBodyBytes: MAX_BODY_BYTES,
    timeoutMs,
    async open() {
      const { Producer } = await import('@platformatic/kafka')
      // The first delivery connects. The client takes these options for its own and changes them.
      const producer = new Producer({ ...options })
      // A connection that ends while it signs in says so twice, the second time to nobody, which would end the process.
      const hear = ({ connection }: { connection: Connection }) => void connection.on('error', () => undefined)
      return producer.on('client:broker:connect', hear).on('client:broker:failed', hear)
    },
    shut: (producer) => producer.close(true),
    alive: () => true,
    // An idempotent producer has one request under way (KIP-98): what waits here would wait there, past its own time limit.
    turnOf: () => 'all',
    async publish(producer, { envelope, rendered }) {
      const record = {
        topic: entry.topic,
        key: Buffer.from(envelope.key),
        value: Buffer.from(rendered.body),
        headers: headersOf({ envelope, rendered }),
      }
      const { offsets } = await producer.send({ messages: [record] }).catch((thrown: unknown) => {
        throw systemError(thrown) ?? thrown
      })
      const [written] = offsets ?? []
      if (written === undefined) throw Object.assign(new Error('no partition answered'), { code: 'NO_ANSWER' })
      return { topic: written.topic, partition: written.partition, offset: String(written.offset) }
    },
    refusal: refusalOf,
    advice: ADVICE,
  })
}

function headersOf({ envelope, rendered }: Message): Map<Buffer, Buffer> {
  const headers = Object.entries(factHeaders(envelope, rendered))
  return new Map(headers.map(([name, value]) => [Buffer.from(name), Buffer.from(value)] as const))
}

function limits(timeoutMs: number) {
  return {
    idempotent: true,
    autocreateTopics: false,
    retries: RETRIES,
    retryDelay: RETRY_DELAY_MS,
    connectTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    timeout: timeoutMs,
    // For real brokers without effect; others take 0, the client's default, for a producer that they should know.
    producerId: -1n,
    producerEpoch: -1,
  }
}

function connection(entry: KafkaEntry, deps: SinkDeps) {
  const brokers = addressesOf(entry.to, PORTS)
  if (brokers === undefined) throw new TypeError('the schema let an address through that is none')
  const { secret: password } = resolved(entry, deps, ['secret'])
  const { username, mechanism } = entry
  return {
    clientId: `revenant-${deps.context.product.instance}`,
    bootstrapBrokers: brokers.map(({ host, port }) => ({ host, port })),
    ...(brokers[0].scheme === 'tcp'
      ? {}
      : // A server name must not be an address (RFC 6066 §3).
        { tls: tlsMaterial(entry, deps), tlsServerName: isIP(brokers[0].host) === 0 }),
    ...(username === undefined || password === undefined
      ? {}
      : { sasl: { mechanism: MECHANISMS[mechanism], username, password } }),
  }
}

/** What no later try can change: the record itself is refused. */
const FINAL: ReadonlySet<string> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'CORRUPT_MESSAGE'])

const ADVICE = {
  UNKNOWN_TOPIC_OR_PARTITION: 'The topic does not exist, or this user may not see it: create it, or check `topic`.',
  TOPIC_AUTHORIZATION_FAILED: 'This user may not write to the topic: allow it Write and Describe there.',
  CLUSTER_AUTHORIZATION_FAILED:
    'This user may not be an idempotent producer: allow it IdempotentWrite on the cluster (brokers before 3.0).',
  SASL_AUTHENTICATION_FAILED: 'The broker does not accept who signs in: check `username`, `secret` and `mechanism`.',
  UNSUPPORTED_SASL_MECHANISM: 'The listener offers another mechanism: check `mechanism`, and the port.',
  NOT_ENOUGH_REPLICAS: 'Fewer replicas are in sync than the topic asks for: see the cluster.',
  MESSAGE_TOO_LARGE: 'The topic takes smaller messages only: raise its max.message.bytes.',
}

/** A broker's answer by its name in the protocol's table of errors; its English text is not looked at. */
function refusalOf(thrown: unknown): Refusal | undefined {
  const answers = [...causesOf(thrown)]
  const named = answers.map((error) => ('apiId' in error ? error.apiId : undefined)).find((id) => typeof id === 'string')
  if (named !== undefined) return { error: named, retry: !FINAL.has(named) }
  if (answers.some((error) => 'code' in error && error.code === 'PLT_KFK_AUTHENTICATION'))
    return { error: 'SASL_AUTHENTICATION_FAILED', retry: true }
  // The client turns this one answer into an error of its own, without the code that it had, and raises no other such from `send`.
  const unknown = answers.length === 1 && answers.some((error) => 'code' in error && error.code === 'PLT_KFK_USER')
  return unknown ? { error: 'UNKNOWN_TOPIC_OR_PARTITION', retry: true } : undefined
}

/** The client wraps what its tries failed with into errors with codes of its own: the system's code tells more. */
function systemError(thrown: unknown): Error | undefined {
  if (refusalOf(thrown) !== undefined) return undefined
  const codes = [...causesOf(thrown)].flatMap((error) => ('code' in error && typeof error.code === 'string' ? [error.code] : []))
  const own = codes.includes('PLT_KFK_TIMEOUT') ? 'TIMEOUT' : undefined
  const code = codes.find((one) => !one.startsWith('PLT_KFK_')) ?? own
  return code === undefined ? undefined : Object.assign(new Error('the connection failed'), { code })
}

/** An error and all that caused it, nearest first. */
function* causesOf(thrown: unknown, depth = 0): Generator<Error> {
  if (!(thrown instanceof Error) || depth > 6) return
  yield thrown
  if (thrown instanceof AggregateError) for (const one of thrown.errors) yield* causesOf(one, depth + 1)
  yield* causesOf(thrown.cause, depth + 1)
}
