import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'

/**
 * How long an ICMP "port unreachable" is waited for. UDP has no answer: a receiver that is down on the same network shows
 * itself this way within a few milliseconds, one behind a firewall never does.
 */
const ICMP_MS = 50

/** Sends one datagram from a socket of its own, so that a name is resolved each time and no state is left behind. */
export async function sendDatagram(bytes: Buffer, to: { host: string; port: number }, signal: AbortSignal): Promise<void> {
  const { address, family } = await aborting(lookup(to.host), signal)
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
  try {
    await aborting(
      new Promise<void>((resolve, reject) => {
        socket.on('error', reject)
        // Connected: only then does the kernel hand ICMP errors to this socket.
        socket.connect(to.port, address, () => {
          socket.send(bytes, (error) => (error ? reject(error) : setTimeout(resolve, ICMP_MS)))
        })
      }),
      signal,
    )
  } finally {
    socket.close()
  }
}

/** Rejects with the signal's reason when it aborts first. */
export async function aborting<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
