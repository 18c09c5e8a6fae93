import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import type { Pair } from './tls.ts'

export const KCAT = '/usr/bin/kcat'

/** A record as kcat's `-J` prints it. */
export interface KafkaRecord {
  topic: string
  partition: number
  offset: number
  key: string
  payload: string
  headers: readonly string[]
}

export interface Broker {
  readonly port: number
  /** Waits until so many records are in the topic; throws after five seconds. */
  records(count: number): Promise<KafkaRecord[]>
  close(): Promise<void>
}

/**
 * The broker of librdkafka's mock cluster, which speaks the protocol, knows idempotent producers and creates topics with four
 * partitions when they are first named. It lives in a kcat that reads one topic and prints it. No TLS, no SASL, no faults: for those
 * `startGate` stands in front of it.
 */
export async function startBroker(topic: string): Promise<Broker> {
  const args = [
    '-C',
    '-b',
    '127.0.0.1:9',
    '-X',
    'test.mock.num.brokers=1',
    '-t',
    topic,
    '-o',
    'beginning',
    '-J',
    '-u',
    '-d',
    'mock',
  ]
  const child = spawn(KCAT, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const port = await portOf(child, () => said)
  return {
    port,
    async records(count) {
      for (let tries = 0; tries < 250; tries++) {
        const lines = printed.split('\n').slice(0, -1)
        if (lines.length >= count) return lines.map((line): KafkaRecord => JSON.parse(line))
        await sleep(20)
      }
      throw new Error(`the topic holds ${printed.split('\n').length - 1} records, not ${count}`)
    },
    close: () => end(child),
  }
}

async function portOf(child: ChildProcess, said: () => string): Promise<number> {
  for (let tries = 0; tries < 250; tries++) {
    const port = /bootstrap\.servers=127\.0\.0\.1:(\d+)/.exec(said())?.[1]
    if (port !== undefined) return Number(port)
    if (child.exitCode !== null) break
    await sleep(20)
  }
  await end(child)
  throw new Error(`kcat has no broker: ${said()}`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

export interface GateOptions {
  port?: number
  tls?: Pair & { ca: string }
  clients?: boolean
  /** Users and passwords: nothing but ApiVersions, SaslHandshake and SaslAuthenticate passes before one of them has signed in. */
  users?: Readonly<Record<string, string>>
  mechanism?: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  /**
   * What happens to a request of that API key: the error code that stands in the broker's answer instead of its own, `lose` the answer
   * and end the connection (the request has arrived), or `hang`.
   */
  fault?: (api: number) => number | 'lose' | 'hang' | undefined
}

export interface Gate {
  readonly port: number
  /** API keys of the requests that came through, in order. */
  readonly requests: number[]
  close(): Promise<void>
}

export const API = { produce: 0, metadata: 3, handshake: 17, versions: 18, initProducerId: 22, authenticate: 36 } as const

/**
 * A gate in front of a broker that adds what it lacks, from the protocol as https://kafka.apache.org/protocol documents it: TLS, SASL
 * (PLAIN; SCRAM of RFC 5802), error codes. It puts its own address in the place of the broker's in metadata.
 */
export async function startGate(broker: Pick<Broker, 'port'>, options: GateOptions = {}): Promise<Gate> {
  const requests: number[] = []
  const sockets = new Set<Socket>()
  let port = 0
  const accept = (client: Socket) => {
    sockets.add(client)
    client.on('close', () => sockets.delete(client)).on('error', () => undefined)
    serve(client, broker.port, () => port, requests, options)
  }
  const { cert, key, ca } = options.tls ?? {}
  const asks = options.clients === true
  const gate =
    options.tls === undefined
      ? net.createServer(accept)
      : tls.createServer({ cert, key, ca, requestCert: asks, rejectUnauthorized: asks }, accept)
  gate.on('tlsClientError', () => undefined)
  gate.listen(options.port ?? 0, '127.0.0.1')
  await once(gate, 'listening')
  port = (gate.address() as AddressInfo).port
  return {
    port,
    requests,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        gate.close(() => resolve())
      }),
  }
}

interface Asked {
  api: number
  version: number
  fault: ReturnType<NonNullable<GateOptions['fault']>>
}

function serve(client: Socket, brokerPort: number, own: () => number, requests: number[], options: GateOptions): void {
  const broker = net.connect(brokerPort, '127.0.0.1')
  broker.on('error', () => client.destroy()).on('close', () => client.destroy())
  client.on('close', () => broker.destroy())
  const asked = new Map<number, Asked>()
  const sign = options.users === undefined ? undefined : signIn(options.users, options.mechanism ?? 'PLAIN')
  eachFrame(client, (frame) => {
    const [api, version, correlation] = [frame.readInt16BE(4), frame.readInt16BE(6), frame.readInt32BE(8)]
    requests.push(api)
    if (api === API.handshake || api === API.authenticate) {
      const answer = sign?.answer(api, version, bodyOf(frame, api, version))
      if (answer === undefined) client.destroy()
      else client.write(framed(correlation, api === API.authenticate && version >= 2, answer))
      return
    }
    // A broker ends the connection of whoever asks before signing in.
    if (sign !== undefined && !sign.done() && api !== API.versions) return void client.destroy()
    const fault = options.fault?.(api)
    if (fault === 'hang') return
    asked.set(correlation, { api, version, fault })
    broker.write(frame)
  })
  eachFrame(broker, (frame) => {
    const { api, version, fault } = asked.get(frame.readInt32BE(4)) ?? { api: -1, version: 0, fault: undefined }
    if (fault === 'lose') return void client.destroy()
    let answer = frame
    if (api === API.metadata) answer = addressed(frame, brokerPort, own())
    if (api === API.versions && sign !== undefined) answer = withSasl(frame, version)
    if (typeof fault === 'number') setError(answer, api, version, fault)
    client.write(answer)
  })
}

function eachFrame(socket: Socket, take: (frame: Buffer) => void): void {
  let rest = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const length = 4 + rest.readInt32BE(0)
      take(Buffer.from(rest.subarray(0, length)))
      rest = rest.subarray(length)
    }
  })
}

/** Everything after the request header: version 1, or 2 with its (empty) tagged fields where the API is flexible. */
function bodyOf(frame: Buffer, api: number, version: number): Buffer {
  const clientId = Math.max(frame.readInt16BE(12), 0)
  const flexible = api === API.authenticate && version >= 2
  return frame.subarray(14 + clientId + (flexible ? 1 : 0))
}

function framed(correlation: number, flexible: boolean, body: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.writeInt32BE(4 + (flexible ? 1 : 0) + body.length, 0)
  head.writeInt32BE(correlation, 4)
  return Buffer.concat([head, flexible ? Buffer.from([0]) : Buffer.alloc(0), body])
}

/** The host is written the same in every version, and the port after it. */
function addressed(frame: Buffer, from: number, to: number): Buffer {
  const [host, port] = [Buffer.from('127.0.0.1'), Buffer.alloc(4)]
  port.writeInt32BE(from)
  const needle = Buffer.concat([host, port])
  for (let at = frame.indexOf(needle); at >= 0; at = frame.indexOf(needle, at + 1)) frame.writeInt32BE(to, at + host.length)
  return frame
}

/** Adds SaslHandshake 0–1 and SaslAuthenticate 0–2 to the list of APIs, in version 3 (compact) and before. */
function withSasl(frame: Buffer, version: number): Buffer {
  const compact = version >= 3
  const countAt = 8 + 2
  const entries = [
    [API.handshake, 0, 1],
    [API.authenticate, 0, 2],
  ].map((numbers) => {
    const entry = Buffer.alloc(compact ? 7 : 6)
    for (const [index, value] of numbers.entries()) entry.writeInt16BE(value, index * 2)
    return entry
  })
  const head = Buffer.from(frame.subarray(0, countAt + (compact ? 1 : 4)))
  if (compact) head.writeUInt8(head.readUInt8(countAt) + entries.length, countAt)
  else head.writeInt32BE(head.readInt32BE(countAt) + entries.length, countAt)
  const all = Buffer.concat([head, ...entries, frame.subarray(head.length)])
  all.writeInt32BE(all.length - 4, 0)
  return all
}

/** Writes an error code where the answers of these APIs, in the versions that the mock speaks, have it. */
function setError(frame: Buffer, api: number, version: number, code: number): void {
  if (api === API.produce) {
    // Up to 8: count of topics, name, count of partitions, index. From 9 on all lengths are one byte here, after the tagged fields.
    const topicAt = version >= 9 ? 10 : 12
    const length = version >= 9 ? frame.readUInt8(topicAt) - 1 : frame.readInt16BE(topicAt)
    frame.writeInt16BE(code, version >= 9 ? topicAt + 1 + length + 1 + 4 : topicAt + 2 + length + 4 + 4)
  } else if (api === API.initProducerId) {
    frame.writeInt16BE(code, version >= 2 ? 13 : 12)
  } else if (api === API.metadata) {
    // The topic's code stands right before its name.
    const name = frame.lastIndexOf('alerts')
    frame.writeInt16BE(code, name - (version >= 9 ? 3 : 4))
  }
}

interface SignIn {
  done(): boolean
  answer(api: number, version: number, body: Buffer): Buffer | undefined
}

function signIn(users: Readonly<Record<string, string>>, mechanism: NonNullable<GateOptions['mechanism']>): SignIn {
  let done = false
  const steps = mechanism === 'PLAIN' ? plainSteps(users) : scramSteps(users, mechanism)
  return {
    done: () => done,
    answer(api, version, body) {
      if (api === API.handshake) return handshake(body, mechanism)
      const flexible = version >= 2
      const token = flexible ? compactBytes(body) : body.subarray(4, 4 + body.readInt32BE(0))
      const step = steps.next(token.toString())
      const said = step.value
      if (step.done === true) done = said !== undefined
      return authenticated(said, version)
    },
  }
}

function handshake(body: Buffer, mechanism: string): Buffer {
  const asked = body.subarray(2, 2 + body.readInt16BE(0)).toString()
  const answer = Buffer.alloc(8 + mechanism.length)
  // 33: UNSUPPORTED_SASL_MECHANISM.
  answer.writeInt16BE(asked === mechanism ? 0 : 33, 0)
  answer.writeInt32BE(1, 2)
  answer.writeInt16BE(mechanism.length, 6)
  answer.write(mechanism, 8)
  return answer
}

/** Error code, error message, bytes, session lifetime from version 1 on. 58: SASL_AUTHENTICATION_FAILED. */
function authenticated(said: string | undefined, version: number): Buffer {
  const bytes = Buffer.from(said ?? '')
  const code = Buffer.alloc(2)
  code.writeInt16BE(said === undefined ? 58 : 0)
  const lifetime = version >= 1 ? Buffer.alloc(8) : Buffer.alloc(0)
  if (version >= 2)
    return Buffer.concat([code, Buffer.from([0]), compactLength(bytes.length + 1), bytes, lifetime, Buffer.from([0])])
  const length = Buffer.alloc(4)
  length.writeInt32BE(bytes.length)
  return Buffer.concat([code, Buffer.from([0xff, 0xff]), length, bytes, lifetime])
}

/** Lengths of flexible versions are unsigned varints of one more; none here is longer than 14 bits. */
function compactBytes(body: Buffer): Buffer {
  const [low, high] = [body.readUInt8(0), body.readUInt8(1)]
  const [size, at] = low < 0x80 ? [low, 1] : [(low & 0x7f) + (high << 7), 2]
  return body.subarray(at, at + size - 1)
}

function compactLength(size: number): Buffer {
  return Buffer.from(size < 0x80 ? [size] : [(size & 0x7f) | 0x80, size >> 7])
}

type Steps = Generator<string, string | undefined, string>

function started(steps: Steps): Steps {
  steps.next('')
  return steps
}

function plainSteps(users: Readonly<Record<string, string>>): Steps {
  return started(
    (function* (): Steps {
      const [, user = '', password] = (yield '').split('\0')
      return users[user] !== undefined && users[user] === password ? '' : undefined
    })(),
  )
}

/** RFC 5802 §3 and §5, RFC 7677. */
function scramSteps(users: Readonly<Record<string, string>>, mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512'): Steps {
  const [hash, bytes] = mechanism === 'SCRAM-SHA-256' ? (['sha256', 32] as const) : (['sha512', 64] as const)
  const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest()
  return started(
    (function* (): Steps {
      const bare = (yield '').replace(/^n,[^,]*,/, '')
      const { n: user = '', r: nonce = '' } = attributes(bare)
      const salt = randomBytes(16)
      const first = `r=${nonce}${randomBytes(12).toString('base64url')},s=${salt.toString('base64')},i=4096`
      const last = yield first
      const salted = pbkdf2Sync(users[user] ?? randomBytes(16).toString('hex'), salt, 4_096, bytes, hash)
      const clientKey = hmac(salted, 'Client Key')
      const toSign = `${bare},${first},${last.replace(/,p=.*$/, '')}`
      const signature = hmac(createHash(hash).update(clientKey).digest(), toSign)
      const proof = Buffer.from(attributes(last).p ?? '', 'base64')
      const expected = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)))
      if (proof.length !== expected.length || !timingSafeEqual(proof, expected)) return undefined
      return `v=${hmac(hmac(salted, 'Server Key'), toSign).toString('base64')}`
    })(),
  )
}

function attributes(text: string): Record<string, string> {
  return Object.fromEntries(text.split(',').map((part) => [part.slice(0, 1), part.slice(2)]))
}
