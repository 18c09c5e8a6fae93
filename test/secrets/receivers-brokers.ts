import type { Socket } from 'node:net'
import { createUser } from '@nats-io/nkeys'
import type { Certificate } from '../servers/certificates.ts'
import { type Behaviour, type HostileTls, openHostile } from '../servers/hostile.ts'
import type { Quoter, QuoterDeps } from './receivers-http.ts'

/**
 * Brokers and a mail server that speak as much of their protocol as a sign-in and one message take, and quote the secret in what they
 * answer: real ones, with which the sinks are tested in test/alerts/sinks, would not.
 *
 * Sources: NATS client protocol and JetStream ADR-22 (publish acknowledgements); AMQP 0-9-1 §4.2 (frames) and §1.4 (connection class);
 * kafka.apache.org/protocol (ApiVersions, SaslHandshake, SaslAuthenticate); RFC 5321, RFC 4954.
 */
export async function openBrokerQuoters(deps: QuoterDeps, server: Certificate, ca: string): Promise<Quoter[]> {
  return Promise.all([nats(deps), amqp(deps), kafka(deps), smtp(deps, server, ca)])
}

/** What a broker may do, one after the other, for each connection or message. */
interface Turns {
  next(): string
  left(): readonly string[]
}

function turnsOf(names: readonly string[]): Turns {
  const left = new Set(names)
  let count = 0
  return {
    next: () => {
      const name = names[count++ % names.length] ?? ''
      left.delete(name)
      return name
    },
    left: () => [...left],
  }
}

async function quoterOf(
  of: { name: string; turns: Turns; behave: Behaviour; entries: (port: number) => readonly Record<string, unknown>[] },
  tls?: HostileTls,
): Promise<Quoter> {
  const listener = await openHostile(of.behave, tls)
  return {
    name: of.name,
    entries: of.entries(listener.port),
    received: listener.received,
    left: of.turns.left,
    close: listener.stop,
  }
}

/** Calls back with each whole line, without its end. */
function eachLine(socket: Socket, take: (line: string) => void): void {
  let rest = ''
  socket.on('data', (chunk: Buffer) => {
    const lines = `${rest}${chunk.toString('latin1')}`.split('\r\n')
    rest = lines.pop() ?? ''
    for (const line of lines) take(line)
  })
}

/** Four ways to sign in, with one server for each. */
async function nats({ marks, env, file }: QuoterDeps): Promise<Quoter> {
  const seed = () => {
    const text = Buffer.from(createUser().getSeed()).toString()
    marks.plantBytes('sink nats: seed', Buffer.from(text.slice(4)))
    return text
  }
  const [password, token, nkey, inner] = [marks.plant('sink nats: password'), marks.plant('sink nats: token'), seed(), seed()]
  const jwt = marks.plant('sink nats: jwt')
  Object.assign(env, { SINK_NATS_PASSWORD: password, SINK_NATS_TOKEN: token, SINK_NATS_NKEY: nkey })
  const [head, tail] = [(what: string) => `-----BEGIN ${what}-----`, (what: string) => `------END ${what}------`]
  const creds = file(
    'receivers/nats.creds',
    `${head('NATS USER JWT')}\n${jwt}\n${tail('NATS USER JWT')}\n\n${head('USER NKEY SEED')}\n${inner}\n${tail('USER NKEY SEED')}\n`,
  )
  const quote = [password, token, nkey, jwt].join(' ')
  const turns = turnsOf([
    'takes it',
    'refuses who signs in',
    'refuses the message',
    'names its stream so',
    'numbers it so',
    'hangs up',
  ])
  return quoterOf({
    name: 'nats',
    turns,
    behave: (socket) => natsServer(socket, turns, quote, token),
    entries: (port) => {
      const common = { sink: 'nats', to: `nats://127.0.0.1:${port}`, subject: 'security.revenant', timeout: '3s' }
      return [
        { ...common, name: 'nats-password', username: 'revenant', secret: 'env:SINK_NATS_PASSWORD', format: 'leef' },
        { ...common, name: 'nats-token', auth: 'token', secret: 'env:SINK_NATS_TOKEN' },
        { ...common, name: 'nats-nkey', auth: 'nkey', secret: 'env:SINK_NATS_NKEY', format: 'cef' },
        { ...common, name: 'nats-creds', auth: 'creds', secret: `file:${creds}`, heartbeat: '1m' },
      ]
    },
  })
}

function natsServer(socket: Socket, turns: Turns, quote: string, secret: string): void {
  const info = {
    server_id: quote,
    version: '2.10.0',
    proto: 1,
    headers: true,
    jetstream: true,
    max_payload: 1_048_576,
    nonce: 'abc',
  }
  socket.write(`INFO ${JSON.stringify({ ...info, host: '127.0.0.1', port: 1, client_id: 1, cluster: quote })}\r\n`)
  let sid = ''
  let turn = turns.next()
  eachLine(socket, (line) => {
    const [verb = '', ...rest] = line.split(' ')
    if (verb === 'CONNECT' && turn === 'refuses who signs in') socket.end(`-ERR 'Authorization Violation' ${quote} ${line}\r\n`)
    if (verb === 'PING') socket.write('PONG\r\n')
    if (verb === 'SUB') sid = rest.at(-1) ?? ''
    if (verb !== 'HPUB' && verb !== 'PUB') return
    const [, reply = ''] = rest
    if (turn === 'hangs up') {
      socket.end(`-ERR 'Permissions Violation for Publish to "${quote}"'\r\n`)
    } else {
      const text = JSON.stringify(natsAnswer(turn, secret, quote))
      socket.write(`MSG ${reply} ${sid} ${Buffer.byteLength(text)}\r\n${text}\r\n`)
    }
    turn = turns.next()
  })
}

function natsAnswer(turn: string, secret: string, quote: string): object {
  if (turn === 'refuses the message') return { error: { code: 400, err_code: 10_060, description: quote } }
  if (turn === 'names its stream so') return { stream: secret, seq: 1, domain: quote }
  if (turn === 'numbers it so') return { stream: 'ALERTS', seq: secret, duplicate: false }
  return { stream: 'ALERTS', seq: 1 }
}

async function amqp({ marks, env }: QuoterDeps): Promise<Quoter> {
  const password = marks.plant('sink amqp: password')
  env.SINK_AMQP = password
  const turns = turnsOf(['refuses who signs in', 'says garbage', 'hangs up'])
  return quoterOf({
    name: 'amqp',
    turns,
    behave: (socket) => amqpServer(socket, turns.next(), password),
    entries: (port) => [
      {
        sink: 'amqp',
        name: 'amqp',
        to: `amqp://127.0.0.1:${port}`,
        routingKey: 'alerts',
        username: 'revenant',
        secret: 'env:SINK_AMQP',
        timeout: '3s',
      },
    ],
  })
}

function amqpServer(socket: Socket, turn: string, password: string): void {
  let stage = 0
  socket.on('data', () => {
    stage++
    // Its protocol header, then its answer to our Start, which holds the password.
    if (stage === 1) socket.write(amqpStart(password))
    else if (turn === 'refuses who signs in') socket.write(amqpClose(`ACCESS_REFUSED - login with ${password} refused`))
    else if (turn === 'says garbage') socket.end(`HTTP/1.1 400 ${password}\r\n\r\n${password}`)
    else socket.resetAndDestroy()
  })
}

function amqpMethod(classId: number, methodId: number, ...fields: Buffer[]): Buffer {
  const payload = Buffer.concat([uint16(classId), uint16(methodId), ...fields])
  return Buffer.concat([Buffer.from([1]), uint16(0), uint32(payload.length), payload, Buffer.from([0xce])])
}

function amqpStart(password: string): Buffer {
  const property = Buffer.concat([shortText('product'), Buffer.from('S'), longText(`broker of ${password}`)])
  const properties = Buffer.concat([uint32(property.length), property])
  return amqpMethod(10, 10, Buffer.from([0, 9]), properties, longText('PLAIN'), longText('en_US'))
}

function amqpClose(words: string): Buffer {
  return amqpMethod(10, 50, uint16(403), shortText(words), uint16(10), uint16(11))
}

async function kafka({ marks, env }: QuoterDeps): Promise<Quoter> {
  const password = marks.plant('sink kafka: password')
  env.SINK_KAFKA = password
  const turns = turnsOf(['refuses who signs in', 'says garbage', 'hangs up'])
  return quoterOf({
    name: 'kafka',
    turns,
    behave: (socket) => kafkaServer(socket, turns, password),
    entries: (port) => [
      {
        sink: 'kafka',
        name: 'kafka',
        to: `tcp://127.0.0.1:${port}`,
        topic: 'alerts',
        mechanism: 'plain',
        username: 'revenant',
        secret: 'env:SINK_KAFKA',
        timeout: '3s',
      },
    ],
  })
}

const [SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE] = [17, 18, 36] as const

function kafkaServer(socket: Socket, turns: Turns, password: string): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const frame = rest.subarray(0, 4 + rest.readInt32BE(0))
      rest = rest.subarray(frame.length)
      const [api, version, id] = [frame.readInt16BE(4), frame.readInt16BE(6), frame.readInt32BE(8)]
      if (api === API_VERSIONS) socket.write(kafkaFrame(id, apiVersions(version)))
      else if (api === SASL_HANDSHAKE) {
        const plain = Buffer.from('PLAIN')
        socket.write(kafkaFrame(id, Buffer.concat([uint16(0), uint32(1), uint16(plain.length), plain])))
      } else if (api === SASL_AUTHENTICATE) {
        const turn = turns.next()
        if (turn === 'refuses who signs in') socket.write(kafkaFrame(id, saslRefusal(version, `bad ${password}`)))
        else if (turn === 'says garbage') socket.end(Buffer.concat([uint32(40), Buffer.from(password.repeat(3))]))
        else socket.resetAndDestroy()
      } else socket.destroy()
    }
  })
}

function kafkaFrame(id: number, body: Buffer): Buffer {
  return Buffer.concat([uint32(4 + body.length), uint32(id), body])
}

/** SaslHandshake 0–1 and SaslAuthenticate 0–1, whose answers have no tagged fields; Metadata and InitProducerId are asked after them. */
function apiVersions(version: number): Buffer {
  const flexible = version >= 3
  const apis = [
    [0, 3, 11],
    [3, 1, 12],
    [SASL_HANDSHAKE, 0, 1],
    [API_VERSIONS, 0, 3],
    [22, 0, 4],
    [SASL_AUTHENTICATE, 0, 1],
  ].map((numbers) => Buffer.concat([...numbers.map(uint16), flexible ? Buffer.from([0]) : Buffer.alloc(0)]))
  const count = flexible ? Buffer.from([apis.length + 1]) : uint32(apis.length)
  const throttle = version >= 1 ? uint32(0) : Buffer.alloc(0)
  return Buffer.concat([uint16(0), count, ...apis, throttle, flexible ? Buffer.from([0]) : Buffer.alloc(0)])
}

/** 58: SASL_AUTHENTICATION_FAILED. */
function saslRefusal(version: number, words: string): Buffer {
  const message = Buffer.from(words)
  const lifetime = version >= 1 ? Buffer.alloc(8) : Buffer.alloc(0)
  return Buffer.concat([uint16(58), uint16(message.length), message, uint32(0), lifetime])
}

async function smtp({ marks, env, file }: QuoterDeps, certificate: Certificate, ca: string): Promise<Quoter> {
  const password = marks.plant('sink mail: password')
  env.SINK_MAIL = password
  const path = file('receivers/mail-ca.pem', ca)
  const turns = turnsOf([
    'takes it',
    'refuses who signs in',
    'refuses the recipient',
    'takes it',
    'refuses the mail',
    'says garbage',
  ])
  return quoterOf(
    {
      name: 'mail',
      turns,
      behave: (socket) => smtpServer(socket, turns.next(), password),
      entries: (port) => [
        {
          sink: 'smtp',
          name: 'mail',
          to: `smtps://127.0.0.1:${port}`,
          ca: `file:${path}`,
          from: 'revenant@example.com',
          recipients: ['soc@example.com'],
          username: 'revenant',
          secret: 'env:SINK_MAIL',
          timeout: '3s',
        },
      ],
    },
    { certificate },
  )
}

/** One mail for each connection, so that each begins another turn. */
function smtpServer(socket: Socket, turn: string, password: string): void {
  socket.write(`220 ${password} ESMTP\r\n`)
  let inData = false
  eachLine(socket, (line) => {
    if (inData) {
      if (line !== '.') return
      inData = false
      socket.end(turn === 'refuses the mail' ? `554 5.6.0 ${password}\r\n` : `250 2.0.0 queued as ${password}\r\n`)
      return
    }
    const verb = line.slice(0, 4).toUpperCase()
    if (verb === 'EHLO') socket.write(`250-${password}\r\n250 AUTH PLAIN LOGIN\r\n`)
    else if (verb === 'AUTH' && turn === 'says garbage') socket.end(`${password}\r\n${line}\r\n`)
    else if (verb === 'AUTH')
      socket.write(turn === 'refuses who signs in' ? `535 5.7.8 bad ${password} ${line}\r\n` : `235 2.7.0 ${password}\r\n`)
    else if (verb === 'RCPT' && turn === 'refuses the recipient') socket.end(`450 4.2.0 ${password}\r\n`)
    else if (verb === 'DATA') {
      inData = true
      socket.write(`354 ${password}\r\n`)
    } else if (verb === 'QUIT') socket.end(`221 ${password}\r\n`)
    else socket.write(`250 2.1.0 ${password}\r\n`)
  })
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function shortText(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.from([bytes.length]), bytes])
}

function longText(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([uint32(bytes.length), bytes])
}
