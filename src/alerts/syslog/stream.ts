import net from 'node:net'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import tls from 'node:tls'
import { aborting } from './datagram.ts'

export interface StreamTarget {
  host: string
  port: number
  /** TLS settings; left out: plain TCP. */
  tls?: tls.ConnectionOptions
}

export interface Stream {
  /** Writes one whole frame. Rejects when the connection cannot be made or breaks; the frame may then have arrived. */
  send(frame: Buffer, signal: AbortSignal): Promise<{ reused: boolean }>
  close(): Promise<void>
}

interface Link {
  socket: net.Socket
  alive: boolean
  usedAt: number
  /** How long the handshakes took: at least one round trip. */
  handshakeMs: number
}

/** A connection unused for so long is closed: a new handshake proves that somebody listens, which an old socket does not. */
const IDLE_MS = 60_000
/** A link used within this time has just been seen to work. */
const FRESH_MS = 500
/** What is under way may finish within this time when the sink is closed, and the peer may say goodbye within another. */
const CLOSE_MS = 500
const SETTLE_MS = { least: 50, most: 1_000 } as const

/**
 * A connection that is made when it is needed, kept while it is used, and made anew after it broke. Frames go out one after the
 * other. Syslog over TCP acknowledges nothing (RFC 6587 §5), so this looks for the signs there are: a peer's FIN before writing, and a
 * reset shortly after the first write on a link that is new or was idle. What a peer loses later nobody can know.
 */
export function openStream(target: StreamTarget): Stream {
  let link: Link | undefined
  let tail: Promise<unknown> = Promise.resolve()
  const closing = new AbortController()

  const sendNow = async (frame: Buffer, signal: AbortSignal) => {
    signal.throwIfAborted()
    // Two turns: the first may come before the loop has polled, and a FIN lies in the kernel until it has.
    await nextTurn()
    await nextTurn()
    const reused = link?.alive === true
    if (link === undefined || !link.alive) link = await connect(target, signal)
    const settles = !reused || performance.now() - link.usedAt > FRESH_MS
    await write(link, frame, signal)
    if (settles) await settle(link, signal)
    link.usedAt = performance.now()
    return { reused }
  }

  return {
    send(frame, callers) {
      const signal = AbortSignal.any([callers, closing.signal])
      const turn = tail.then(() => sendNow(frame, signal))
      tail = turn.catch(() => undefined)
      return aborting(turn, signal)
    },
    async close() {
      await Promise.race([tail, delay(CLOSE_MS, undefined, { ref: false })])
      closing.abort(failure('CLOSED'))
      await tail
      const last = link?.socket
      if (last === undefined || last.destroyed) return
      const gone = new Promise((resolve) => last.once('close', resolve))
      last.end()
      await Promise.race([gone, delay(CLOSE_MS, undefined, { ref: false })])
      last.destroy()
    },
  }
}

async function connect(target: StreamTarget, signal: AbortSignal): Promise<Link> {
  const startedAt = performance.now()
  const { host, port } = target
  // A server name must not be an address (RFC 6066 §3); the certificate is checked against the address all the same.
  const servername = net.isIP(host) === 0 ? { servername: host } : {}
  const socket =
    target.tls === undefined ? net.connect({ host, port }) : tls.connect({ host, port, ...servername, ...target.tls })
  const link: Link = { socket, alive: true, usedAt: startedAt, handshakeMs: 0 }
  const ends = () => {
    link.alive = false
  }
  socket.on('error', ends).on('end', ends).on('close', ends)
  try {
    await aborting(
      new Promise<void>((resolve, reject) => {
        socket.once(target.tls === undefined ? 'connect' : 'secureConnect', resolve)
        socket.once('error', reject)
        socket.once('close', () => reject(failure('CLOSED_IN_HANDSHAKE')))
      }),
      signal,
    )
  } catch (thrown) {
    socket.destroy()
    throw thrown
  }
  link.handshakeMs = performance.now() - startedAt
  socket.setKeepAlive(true, 30_000)
  socket.setTimeout(IDLE_MS, () => {
    link.alive = false
    socket.destroySoon()
  })
  // Nothing is expected to come back, but a FIN is only seen by who reads.
  socket.resume()
  return link
}

async function write(link: Link, frame: Buffer, signal: AbortSignal): Promise<void> {
  const { socket } = link
  try {
    await aborting(
      new Promise<void>((resolve, reject) => {
        socket.write(frame, (error) => (error ? reject(error) : resolve()))
      }),
      signal,
    )
  } catch (thrown) {
    // Half a frame may be out: nothing that follows on this connection could be told apart.
    link.alive = false
    socket.destroy()
    throw thrown
  }
}

/** Waits two round trips for a reset or a TLS alert: TLS 1.3 refuses a client certificate only after the client is done. */
async function settle(link: Link, signal: AbortSignal): Promise<void> {
  const { promise: broken, resolve, reject } = Promise.withResolvers<void>()
  const onError = (error: Error) => reject(error)
  const onClose = () => reject(failure('CLOSED_AFTER_WRITE'))
  link.socket.once('error', onError).once('end', onClose).once('close', onClose)
  const timer = setTimeout(resolve, Math.min(Math.max(2 * link.handshakeMs, SETTLE_MS.least), SETTLE_MS.most))
  try {
    if (!link.alive) throw failure('CLOSED_AFTER_WRITE')
    await aborting(broken, signal)
  } catch (thrown) {
    link.alive = false
    link.socket.destroy()
    throw thrown
  } finally {
    clearTimeout(timer)
    link.socket.off('error', onError).off('end', onClose).off('close', onClose)
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(`the connection failed: ${code}`), { code })
}
