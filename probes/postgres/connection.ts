import { readFile } from 'node:fs/promises'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Reason } from '../../src/domain/reason.ts'

/** A message of the server: its type letter and its body. */
export interface Frame {
  type: string
  body: Buffer
}

/** An open connection on which the startup message may be sent. */
export interface Connection {
  send(bytes: Buffer): void
  /** The server's next message. Throws a ProtocolFault, an error of the socket, or the reason of the signal's abort. */
  next(): Promise<Frame>
  /** Says Terminate and closes; needed however the attempt ended. */
  close(): void
}

export interface ConnectionTarget {
  host: string
  port: number
  tls: 'verify-full' | 'insecure' | 'disable'
  ca?: string | undefined
  servername?: string | undefined
}

/** The server said something that the protocol has no place for, or left without a word. */
export class ProtocolFault extends Error {
  readonly reason: Reason

  constructor(reason: Reason, message: string) {
    super(message)
    this.name = 'ProtocolFault'
    this.reason = reason
  }
}

/** No message of a login is near this long; a length beyond it is another protocol's bytes (an "HTTP" reads as 1.2 GB). */
const MAX_FRAME_BYTES = 65_536
/** Bytes of one whole login: a server that talks on and on is cut off. */
const MAX_TOTAL_BYTES = 1_048_576

/** SSLRequest: length 8 and the code 1234.5679 (protocol §54.7). */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4])

/**
 * Connects, and speaks TLS unless the target spells `disable`. A server that has no TLS gets no more than the SSLRequest:
 * there is no falling back to plain text.
 */
export async function openConnection(target: ConnectionTarget, signal: AbortSignal): Promise<Connection> {
  signal.throwIfAborted()
  const ca = target.ca === undefined ? undefined : await readFile(target.ca, 'utf8')
  signal.throwIfAborted()
  const socket = connect({ host: target.host, port: target.port, noDelay: true })
  const failure = watch(socket, signal)
  try {
    await failure.before(new Promise((resolve) => socket.once('connect', resolve)))
    if (target.tls === 'disable') return frames(socket, failure)
    socket.write(SSL_REQUEST)
    const answer = await failure.before(new Promise<Buffer>((resolve) => socket.once('data', resolve)))
    socket.pause()
    checkTlsOffer(answer)
    return frames(await failure.before(secure(socket, target, ca, failure.fail)), failure)
  } catch (error) {
    failure.release()
    socket.destroy()
    throw error
  }
}

interface Failure {
  /** Waits for what is hoped for, or throws what came in between. */
  before<T>(hoped: Promise<T>): Promise<T>
  fail(error: unknown): void
  release(): void
}

/** Joins everything that ends a connection early: an abort, an error of the socket, its close. */
function watch(socket: Socket, signal: AbortSignal): Failure {
  const { promise, reject } = Promise.withResolvers<never>()
  // It may be rejected when nobody waits: after the verdict.
  promise.catch(() => {})
  const abort = () => {
    reject(signal.reason)
    socket.destroy()
  }
  signal.addEventListener('abort', abort, { once: true })
  // After an abort `destroy` makes a TLS socket complain: the first to reject wins.
  socket.on('error', reject)
  socket.on('close', () => reject(new ProtocolFault('unreachable', 'the server closed the connection')))
  return {
    before: (hoped) => Promise.race([hoped, promise]),
    fail: reject,
    release: () => signal.removeEventListener('abort', abort),
  }
}

/** One byte, S or N. More than one is somebody stuffing plain text before the handshake (CVE-2021-23222). */
function checkTlsOffer(answer: Buffer): void {
  const said = answer.toString('latin1', 0, 1)
  if (said === 'N' && answer.length === 1) throw new ProtocolFault('tls_error', 'the server has no TLS')
  // A server that cannot even fork answers E and an unauthenticated text, which is not read.
  if (said === 'E') throw new ProtocolFault('server_error', 'the server refused before TLS')
  if (said !== 'S' || answer.length !== 1) throw new ProtocolFault('protocol_error', 'no answer to an SSLRequest')
}

function secure(
  socket: Socket,
  target: ConnectionTarget,
  ca: string | undefined,
  fail: (error: unknown) => void,
): Promise<Socket> {
  const name = target.servername ?? target.host
  const { promise, resolve } = Promise.withResolvers<Socket>()
  const stream = connectTls({
    socket,
    host: name,
    // RFC 6066 §3: no address in SNI. The certificate is then held against `host`.
    servername: isIP(name) === 0 ? name : '',
    rejectUnauthorized: target.tls === 'verify-full',
    ...(ca === undefined ? {} : { ca }),
  })
  stream.on('error', fail)
  stream.on('close', () => fail(new ProtocolFault('unreachable', 'the server closed the connection')))
  stream.once('secureConnect', () => resolve(stream))
  return promise
}

function frames(stream: Socket, failure: Failure): Connection {
  const ready: Frame[] = []
  let waiting: ((frame: Frame) => void) | undefined
  let rest: Buffer = Buffer.alloc(0)
  let total = 0
  stream.on('data', (chunk: Buffer) => {
    total += chunk.length
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    try {
      if (total > MAX_TOTAL_BYTES) throw new ProtocolFault('protocol_error', 'more bytes than a login has')
      for (let frame = cut(rest); frame !== undefined; frame = cut(rest)) {
        rest = rest.subarray(5 + frame.body.length)
        if (waiting === undefined) ready.push(frame)
        else waiting(frame)
        waiting = undefined
      }
    } catch (error) {
      failure.fail(error)
      stream.destroy()
    }
  })
  return {
    send: (bytes) => void stream.write(bytes),
    next: () => {
      const frame = ready.shift()
      if (frame !== undefined) return Promise.resolve(frame)
      return failure.before(
        new Promise((resolve) => {
          waiting = resolve
        }),
      )
    },
    close: () => {
      failure.release()
      if (stream.writable) stream.write(TERMINATE)
      stream.destroySoon()
    },
  }
}

/** The first whole message, if it is there: a letter, a length that counts itself, a body. */
function cut(bytes: Buffer): Frame | undefined {
  if (bytes.length < 5) return undefined
  const type = bytes.toString('latin1', 0, 1)
  const length = bytes.readInt32BE(1)
  if (!/[A-Za-z]/.test(type) || length < 4 || length > MAX_FRAME_BYTES) {
    throw new ProtocolFault('protocol_error', 'not a message of the PostgreSQL protocol')
  }
  return bytes.length < 1 + length ? undefined : { type, body: bytes.subarray(5, 1 + length) }
}
