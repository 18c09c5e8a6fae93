import { Agent, type Dispatcher } from 'undici'
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
  const agent = new Agent({
    connections: options.connections,
    pipelining: 1,
    maxResponseSize: MAX_BODY_BYTES,
    connect: {
      timeout: options.connectTimeoutMs,
      rejectUnauthorized: options.rejectUnauthorized,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    },
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

function originOf(origin: string | URL | undefined): string | undefined {
  if (origin === undefined) return undefined
  return typeof origin === 'string' ? origin : origin.origin
}
