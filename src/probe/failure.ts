import type { Judgement } from '../domain/answer.ts'
import { errorCode } from '../domain/error.ts'
import type { Reason } from '../domain/reason.ts'

/**
 * Translates what an attempt threw. Always inconclusive: an attempt that failed on our side or on the wire proves nothing.
 * The message is dropped, since a driver may quote what it sent; only codes go on.
 *
 * @param thrown what the probe threw, or the signal's abort reason
 * @param timedOut true when the attempt's own time limit fired
 */
export function judgeFailure(thrown: unknown, timedOut: boolean): Judgement {
  const code = errorCode(thrown)
  const reason: Reason = timedOut ? 'timeout' : reasonOf(code, thrown)
  return { verdict: 'inconclusive', reason, strength: 'strong', wire: code === undefined ? {} : { error: code } }
}

const CODES: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'unreachable',
  ECONNABORTED: 'unreachable',
  EPIPE: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  ETIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_SOCKET: 'unreachable',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'protocol_error',
  UND_ERR_HEADERS_OVERFLOW: 'protocol_error',
  EPROTO: 'tls_error',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls_error',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls_error',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls_error',
  UNABLE_TO_GET_ISSUER_CERT: 'tls_error',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls_error',
  ORIGIN_FORBIDDEN: 'config_error',
  SECRET_UNAVAILABLE: 'secret_unavailable',
  SECRET_EMPTY: 'secret_unavailable',
  SECRET_CHANGED: 'secret_unavailable',
  SECRET_INVALID: 'secret_unavailable',
  KEY_UNKNOWN: 'secret_unavailable',
  SEAL_BROKEN: 'secret_unavailable',
  ORIGIN_CHANGED: 'origin_changed',
}

function reasonOf(code: string | undefined, thrown: unknown): Reason {
  if (code !== undefined) {
    const known = CODES[code]
    if (known !== undefined) return known
    // Node's families: CERT_HAS_EXPIRED, ERR_TLS_CERT_ALTNAME_INVALID, ERR_SSL_WRONG_VERSION_NUMBER; llhttp's HPE_*.
    if (code.startsWith('CERT_') || code.startsWith('ERR_TLS_') || code.startsWith('ERR_SSL_')) return 'tls_error'
    if (code.startsWith('HPE_')) return 'protocol_error'
  }
  if (thrown instanceof Error && thrown.name === 'HTTPParserError') return 'protocol_error'
  return 'client_error'
}
