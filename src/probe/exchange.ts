import type { Dispatcher } from 'undici'
import { type HttpAnswer, httpAnswer } from './http-answer.ts'

/** One request, ready to send. Headers are a flat list of names and values, as undici takes them without conversion. */
export interface HttpRequest {
  origin: string
  /** Path and query. */
  path: string
  /** The path alone, for rules and evidence: the query may hold a secret. */
  bare: string
  method: 'GET' | 'HEAD' | 'POST'
  headers: string[]
  body?: string
  /** The connection is closed behind it: where every request says so, none meets one that the server is just closing. */
  reset?: boolean
}

/** Beyond this an answer is no identity document: what comes after is dropped and the connection closed. */
const MAX_BODY_BYTES = 1_048_576

/**
 * Sends one request and drains the answer. One message: nothing is retried and no redirect is followed. Rejects with the
 * signal's reason when it aborts, even while still waiting for a connection.
 *
 * undici's `dispatch` is used in place of `request` because a body stream per answer costs more than the answer itself.
 *
 * @param onSent called when the connection stands and the request is about to be written; what fails before was never sent
 */
export function exchange(http: Dispatcher, request: HttpRequest, signal: AbortSignal, onSent?: () => void): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const { origin, path, bare, method, headers, body, reset = false } = request
    const handler = receiver({ origin, path: bare }, signal, onSent, resolve, reject)
    try {
      http.dispatch(
        { origin, path, method, headers, ...(reset ? { reset } : {}), ...(body === undefined ? {} : { body }) },
        handler,
      )
    } catch (error) {
      // A forbidden origin and a malformed header are thrown here, before there is a request.
      handler.onFailure(error)
    }
  })
}

/** The error's code is undici's own for a body that is too large, so that `judgeFailure` knows it. */
class BodyTooLargeError extends Error {
  readonly code = 'UND_ERR_RES_EXCEEDED_MAX_SIZE'
}

function receiver(
  asked: HttpAnswer['asked'],
  signal: AbortSignal,
  onSent: (() => void) | undefined,
  resolve: (answer: HttpAnswer) => void,
  reject: (reason: unknown) => void,
): Dispatcher.DispatchHandler & { onFailure(error: unknown): void } {
  const chunks: Buffer[] = []
  let controller: Dispatcher.DispatchController | undefined
  let status = 0
  let headers: HttpAnswer['headers'] = {}
  let size = 0
  const onAbort = () => {
    reject(signal.reason)
    controller?.abort(asError(signal.reason))
  }
  const onFailure = (error: unknown) => {
    signal.removeEventListener('abort', onAbort)
    reject(error)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  return {
    onFailure,
    onRequestStart: (started) => {
      controller = started
      // Given up while it waited for a connection: it must not go out now.
      if (signal.aborted) started.abort(asError(signal.reason))
      else onSent?.()
    },
    onResponseStart: (_controller, code, received) => {
      // 1xx come before the real answer (RFC 9110 §15.2).
      if (code < 200) return
      status = code
      headers = received
    },
    onResponseData: (stream, chunk) => {
      size += chunk.length
      if (size > MAX_BODY_BYTES) stream.abort(new BodyTooLargeError('the answer is larger than an attempt reads'))
      else chunks.push(chunk)
    },
    onResponseEnd: () => {
      signal.removeEventListener('abort', onAbort)
      resolve(httpAnswer(status, headers, chunks, asked))
    },
    onResponseError: (_controller, error) => onFailure(error),
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('the attempt was stopped')
}
