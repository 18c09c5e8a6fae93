import { randomBytes } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import type { Certificate } from './certificates.ts'

/** What a hostile server does with a connection, once TLS (if any) stands. */
export type Behaviour = (socket: Socket) => void

/** What a protocol says in clear before TLS begins (an SSLRequest, a StartTLS); resolves when TLS may start. */
export type Preamble = (socket: Socket) => Promise<void>

export interface HostileListener {
  port: number
  /** Connections open now: 0 when the probe closed what it opened. */
  open(): number
  /** Connections ever accepted. */
  accepted(): number
  /** All that arrived over TLS, or over TCP where there is none. */
  received(): Buffer
  stop(): Promise<void>
}

export interface HostileTls {
  certificate: Certificate
  preamble?: Preamble
}

/** Opens a server on a free port of 127.0.0.1 that behaves badly, over TCP or (after the preamble) over TLS. */
export async function openHostile(behave: Behaviour, tls?: HostileTls): Promise<HostileListener> {
  const sockets = new Set<Socket>()
  const chunks: Buffer[] = []
  let accepted = 0
  const serve = (socket: Socket) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    behave(socket)
  }
  const server = createServer((socket) => {
    accepted++
    sockets.add(socket)
    // What the other side does with its connection is what the test watches: errors here are expected.
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    if (tls === undefined) serve(socket)
    else void startTls(socket, tls, serve)
  })
  const port = await listen(server)
  return {
    port,
    open: () => sockets.size,
    accepted: () => accepted,
    received: () => Buffer.concat(chunks),
    stop: () => stopServer(server, sockets),
  }
}

/** A port of 127.0.0.1 where nothing listens: one that was just given and given back. */
export async function closedPort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await stopServer(server, new Set())
  return port
}

/** Accepts, reads and never answers. */
export const blackHole: Behaviour = (socket) => void socket.resume()

/** Resets the connection at once. */
export const resetOnAccept: Behaviour = (socket) => void socket.resetAndDestroy()

/** Resets the connection when the first bytes arrive. */
export const resetOnFirstBytes: Behaviour = (socket) => {
  socket.once('data', () => (socket instanceof TLSSocket ? socket.destroy() : socket.resetAndDestroy()))
}

/** Ends the connection politely when the first bytes arrive. */
export const closeOnFirstBytes: Behaviour = (socket) => {
  socket.once('data', () => socket.end())
}

/** Sends these bytes at once, says no more and keeps the connection open. */
export function sayOnAccept(bytes: Buffer | string): Behaviour {
  return (socket) => {
    socket.resume()
    socket.write(bytes)
  }
}

/** Sends these bytes when the first bytes arrive and then ends, or stays open. */
export function sayOnFirstBytes(bytes: Buffer | string, then: 'end' | 'stay' = 'stay'): Behaviour {
  return (socket) => {
    socket.once('data', () => (then === 'end' ? socket.end(bytes) : socket.write(bytes)))
  }
}

/** Sends random bytes for as long as they are taken: what has no bound on its buffers does not survive it. */
export const flood: Behaviour = (socket) => {
  socket.resume()
  const block = randomBytes(65_536)
  const more = () => {
    while (socket.writable && socket.write(block)) {
      // Until the other side's window is full; then again on drain.
    }
  }
  socket.on('drain', more)
  more()
}

/** A whole HTTP/1.1 answer to whatever was asked. */
export function httpAnswer(status: string, headers: Readonly<Record<string, string>>, body: string): Behaviour {
  const lines = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' })
  const head = [`HTTP/1.1 ${status}`, ...lines.map(([name, value]) => `${name}: ${value}`)].join('\r\n')
  return sayOnFirstBytes(`${head}\r\n\r\n${body}`, 'end')
}

async function startTls(socket: Socket, tls: HostileTls, serve: Behaviour): Promise<void> {
  await tls.preamble?.(socket)
  if (socket.destroyed) return
  const secure = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(tls.certificate) })
  secure.on('error', () => {})
  secure.once('secure', () => serve(secure))
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port')
  return address.port
}

async function stopServer(server: Server, sockets: Set<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy()
  await new Promise<void>((resolve) => server.close(() => resolve()))
}
