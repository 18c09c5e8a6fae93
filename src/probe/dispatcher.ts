import { Socket } from 'node:net'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import { RevenantError } from '../domain/error.ts'

export interface DispatcherOptions {
  /** Scheme, host and port of every origin that may be reached: `https://api.github.com`. */
  origins: readonly string[]
  /** False only where the target spells `tls: insecure`. */
  rejectUnauthorized: boolean
  /** PEM certificates to trust instead of the system's. */
  ca?: string
  /** Connections per origin: the system's concurrency. */
  connections: number
  /** Milliseconds until a connection must stand; the attempt's own timeout bounds the rest. */
  connectTimeoutMs: number
}

/** The largest answer body that an attempt reads, in bytes: what tells who is signed in is small. */
const MAX_BODY_BYTES = 1_048_576

/**
 * An HTTP client that reaches the registered origins and nothing else: any other origin raises `ORIGIN_FORBIDDEN` before a
 * socket is opened. It follows no redirects, retries nothing and ignores proxy variables of the environment, so that what a
 * secret is sent to is what its system says.
 */
export function openDispatcher(options: DispatcherOptions): Dispatcher {
  const allowed = new Set(options.origins)
  const { connect, hangUp } = trackedConnector(options)
  const agent = new HangingUpAgent(hangUp, {
    connections: options.connections,
    pipelining: 1,
    maxResponseSize: MAX_BODY_BYTES,
    connect,
  })
  return agent.compose((dispatch) => (request, handler) => {
    const origin = originOf(request.origin)
    if (origin === undefined || !allowed.has(origin)) {
      throw new RevenantError(
        'ORIGIN_FORBIDDEN',
        `a replay may not reach ${origin ?? 'an address without origin'}: not registered`,
      )
    }
    return dispatch(request, handler)
  })
}

/** undici leaves a socket that is still connecting, or in its TLS handshake, to its time-out when it is destroyed. */
class HangingUpAgent extends Agent {
  readonly hangUp: () => void

  constructor(hangUp: () => void, options: Agent.Options) {
    super(options)
    this.hangUp = hangUp
  }

  override destroy(): Promise<void>
  override destroy(error: Error | null): Promise<void>
  override destroy(callback: () => void): void
  override destroy(error: Error | null, callback: () => void): void
  override destroy(error: Error | null | (() => void) = null, callback?: () => void): Promise<void> | void {
    this.hangUp()
    if (typeof error === 'function') return super.destroy(error)
    return callback === undefined ? super.destroy(error) : super.destroy(error, callback)
  }
}

/** undici's connector, with a list of the sockets that are not connected yet. */
function trackedConnector(options: DispatcherOptions): { connect: buildConnector.connector; hangUp: () => void } {
  const connecting = new Set<Socket>()
  const connect = buildConnector({
    timeout: options.connectTimeoutMs,
    rejectUnauthorized: options.rejectUnauthorized,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  })
  return {
    connect: (to, callback) => {
      // Its types do not say so, but it answers the socket.
      const socket: unknown = connect(to, (...result) => {
        if (socket instanceof Socket) connecting.delete(socket)
        callback(...result)
      })
      if (socket instanceof Socket) connecting.add(socket)
    },
    hangUp: () => {
      for (const socket of connecting) socket.destroy(new Error('the client was closed'))
      connecting.clear()
    },
  }
}

function originOf(origin: string | URL | undefined): string | undefined {
  if (origin === undefined) return undefined
  return typeof origin === 'string' ? origin : origin.origin
}
