import { isIP } from 'node:net'
import type { JetStreamClient } from '@nats-io/jetstream'
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node'
import { z } from 'zod'
import { errorCode, RevenantError } from '../../domain/error.ts'
import { addressesOf, firstOf } from '../brokers/address.ts'
import { openBroker, type Refusal } from '../brokers/broker-sink.ts'
import { factHeaders } from '../brokers/facts.ts'
import { MAX_BODY_BYTES } from '../formats/rendered.ts'
import { CERTIFICATE_PAIR, tlsUnder } from './entry-rules.ts'
import {
  commonFields,
  durationMs,
  resolved,
  type Sink,
  type SinkDeps,
  SinkError,
  secretField,
  tlsFields,
  tlsMaterial,
} from './sink.ts'

const PORTS = { tls: 4222, nats: 4222 } as const
const AUTHS = ['password', 'token', 'nkey', 'creds'] as const

const TLS_ONLY = tlsUnder('tls')

export const natsEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    ...secretField,
    sink: z.literal('nats'),
    to: z
      .string()
      .refine(
        (value) => addressesOf(value, PORTS) !== undefined,
        'give tls://host:port (or, in clear, nats://host:port), several servers separated by commas',
      )
      .describe('Servers: tls://host:port, or nats://host:port in clear; several of one cluster are separated by commas.'),
    subject: z
      .string()
      .regex(/^[^\s.*>]+(\.[^\s.*>]+)*$/, 'give a subject without wildcards, such as security.revenant')
      .max(255)
      .describe('The subject; a stream must listen to it.'),
    stream: z
      .string()
      .regex(/^[^\s.*>/\\]+$/, 'give the name of a stream')
      .max(255)
      .optional()
      .describe('The stream that must take it; left out: whichever listens to the subject.'),
    auth: z
      .enum(AUTHS)
      .default('password')
      .describe('What the secret is: the password of username, a token, the seed of an nkey, or the content of a .creds file.'),
    username: z.string().min(1).max(256).optional().describe('With auth: password.'),
  })
  .refine(({ auth, username, secret }) => (username !== undefined) === (auth === 'password' && secret !== undefined), {
    message: 'username belongs to auth: password, together with secret',
    path: ['username'],
  })
  .refine(({ auth, secret }) => auth === 'password' || secret !== undefined, {
    message: 'auth: token, nkey and creds need a secret',
    path: ['secret'],
  })
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)
  .refine(TLS_ONLY.holds, TLS_ONLY.fault)

type NatsEntry = z.output<typeof natsEntry>

interface Link {
  connection: NatsConnection
  stream: JetStreamClient
  headers: typeof import('@nats-io/transport-node').headers
}

/**
 * Publishes each alert to JetStream under its id (`Nats-Msg-Id`): within the stream's duplicate window a repeated one is not stored
 * again. Delivered: the stream has answered that it holds it.
 */
export function openNats(entry: NatsEntry, deps: SinkDeps): Sink {
  const timeoutMs = durationMs(entry.timeout ?? '15s')
  const options = connection(entry, deps, timeoutMs)
  const { secret } = resolved(entry, deps, ['secret'])
  checkSecret(entry, secret)
  return openBroker<Link>({
    name: entry.name,
    kind: 'nats',
    maxBodyBytes: MAX_BODY_BYTES,
    timeoutMs,
    open: () =>
      connect(entry, options, secret).catch((thrown: unknown) => {
        throw hungUp(thrown) ?? thrown
      }),
    shut: ({ connection }) => connection.close(),
    alive: ({ connection }) => !connection.isClosed(),
    turnOf: ({ envelope }) => envelope.key,
    async publish({ connection, stream, headers }, { envelope, rendered }) {
      const body = Buffer.from(rendered.body)
      const most = connection.info?.max_payload ?? Number.POSITIVE_INFINITY
      // The client would throw, or the server end the connection, and every other message with it.
      if (body.length + HEAD_BYTES > most) throw tooLarge(entry.name, most)
      const all = headers()
      for (const [name, value] of Object.entries(factHeaders(envelope, rendered))) all.set(name, value)
      const answer = await stream
        .publish(entry.subject, body, {
          msgID: envelope.id,
          headers: all,
          timeout: timeoutMs,
          retries: 0,
          ...(entry.stream === undefined ? {} : { expect: { streamName: entry.stream } }),
        })
        .catch((thrown: unknown) => {
          throw hungUp(thrown) ?? thrown
        })
      return {
        // Not the name that the answer has, which is the receiver's text: the server has checked the one of the entry.
        ...(entry.stream === undefined ? {} : { stream: entry.stream }),
        ...(Number.isSafeInteger(answer.seq) ? { sequence: answer.seq } : {}),
        ...(answer.duplicate ? { duplicate: 'yes' } : {}),
      }
    },
    refusal: refusalOf,
    advice: ADVICE,
  })
}

/** Headers count towards the limit; ours take a few hundred bytes. */
const HEAD_BYTES = 2_048

function tooLarge(name: string, most: number): SinkError {
  return new SinkError('SINK_REFUSED', `sink ${name}: the receiver refused: MAX_PAYLOAD (publish)`, {
    retry: false,
    detail: { stage: 'publish', error: 'MAX_PAYLOAD', limit: most },
  })
}

function connection(entry: NatsEntry, deps: SinkDeps, timeoutMs: number): ConnectionOptions {
  return {
    name: `revenant-${deps.context.product.instance}`,
    timeout: timeoutMs,
    // The next delivery connects anew: reconnecting by itself the client would hold messages back past their time limit.
    reconnect: false,
    maxReconnectAttempts: 0,
    ignoreClusterUpdates: true,
    ...(entry.to.startsWith('tls:') ? { tls: tlsMaterial(entry, deps) } : {}),
  }
}

async function connect(entry: NatsEntry, options: ConnectionOptions, secret: string | undefined): Promise<Link> {
  const nats = await import('@nats-io/transport-node')
  const { jetstream } = await import('@nats-io/jetstream')
  const servers = addressesOf(entry.to, PORTS)
  if (servers === undefined) throw new TypeError('the schema let an address through that is none')
  // One by one: a client that may not reconnect asks the first of a list only.
  const opened = await firstOf(servers, ({ host, port }) =>
    nats.connect({ ...options, ...authOf(nats, entry, secret), servers: `${isIP(host) === 6 ? `[${host}]` : host}:${port}` }),
  )
  return { connection: opened, stream: jetstream(opened), headers: nats.headers }
}

function authOf(
  nats: typeof import('@nats-io/transport-node'),
  { auth, username }: NatsEntry,
  secret: string | undefined,
): ConnectionOptions {
  if (secret === undefined) return {}
  // A .creds file that was trimmed on its way (files behind references are) lacks the line end that the client looks for.
  const bytes = new TextEncoder().encode(auth === 'creds' ? `${secret.trim()}\n` : secret.trim())
  if (auth === 'token') return { token: secret }
  if (auth === 'nkey') return { authenticator: nats.nkeyAuthenticator(bytes) }
  if (auth === 'creds') return { authenticator: nats.credsAuthenticator(bytes) }
  return username === undefined ? {} : { user: username, pass: secret }
}

/** A seed is `S`, the type of key and base32; a .creds file holds a JWT and a seed between lines of dashes. */
const SEED = /S[UANCOX][A-Z2-7]{56}/

function checkSecret({ name, auth, secret: reference }: NatsEntry, secret: string | undefined): void {
  if (secret === undefined || (auth !== 'nkey' && auth !== 'creds')) return
  const fits = auth === 'nkey' ? new RegExp(`^${SEED.source}$`).test(secret.trim()) : SEED.test(secret) && secret.includes('JWT-')
  if (!fits) throw new RevenantError('SECRET_INVALID', `sink ${name}: secret (${reference}) is no ${auth}`)
}

/** The client has classes and no codes; their names are the codes. */
const REFUSALS: Readonly<Record<string, string>> = {
  AuthorizationError: 'AUTHORIZATION',
  UserAuthenticationExpiredError: 'AUTHENTICATION_EXPIRED',
  PermissionViolationError: 'PERMISSION',
  NoResponders: 'NO_STREAM',
  JetStreamNotEnabled: 'NO_STREAM',
}
/** JetStream's own error codes for messages that no later try can change: larger than the stream takes. */
const FINAL: ReadonlySet<number> = new Set([10_054])

/** What the client throws where the connection ended under it: a class, and no code of the system. */
const HUNG_UP: ReadonlySet<string> = new Set(['ClosedConnectionError', 'ConnectionError', 'DrainingConnectionError'])

function hungUp(thrown: unknown): Error | undefined {
  if (errorCode(thrown) !== undefined || refusalOf(thrown) !== undefined) return undefined
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth++) {
    // A request that was under way ends in a RequestError that has no cause; the others have one.
    if (HUNG_UP.has(error.name) || (error.name === 'RequestError' && error.cause === undefined))
      return Object.assign(new Error('the connection ended'), { code: 'ECONNRESET' })
  }
  return undefined
}

const ADVICE = {
  AUTHORIZATION: 'The server does not accept who signs in: check `auth`, `username` and `secret`.',
  AUTHENTICATION_EXPIRED: 'The credentials have expired: get new ones.',
  PERMISSION: 'This user may not publish to the subject: allow it `subject`, and _INBOX.> to subscribe.',
  NO_STREAM: 'No stream listens to the subject, or JetStream is off: add the subject to a stream.',
  10054: 'The stream takes smaller messages only: raise its max_msg_size.',
  10060: 'Another stream than `stream` listens to the subject.',
  10077: 'The stream is full and keeps what it has: raise its limits, or let it discard old messages.',
}

function refusalOf(thrown: unknown): Refusal | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth++) {
    const known = REFUSALS[error.name]
    if (known !== undefined) return { error: known, retry: true }
    if (error.name.startsWith('JetStream') && 'code' in error && typeof error.code === 'number')
      return { error: error.code, retry: !FINAL.has(error.code) }
  }
  return undefined
}
