import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { errorCode } from '../domain/error.ts'

/** What is answered to bytes that are no request, by the code that Node gives them (https://nodejs.org/api/http.html#event-clienterror). */
const ANSWERS: Readonly<Record<string, 408 | 431>> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 }

/**
 * Ends a connection whose request cannot be read.
 *
 * A connection on which nothing ever came is ended without a word: browsers open some ahead of need, and would take any answer, sent
 * while they begin to use one, for that to their question. Closed, or told 408 where it was used before, they ask again.
 */
export function endBadConnection(error: unknown, socket: Socket): void {
  if (!socket.writable || socket.bytesRead === 0) {
    socket.destroy()
    return
  }
  const status = ANSWERS[errorCode(error) ?? ''] ?? 400
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
  // Whatever the other side does: a place among the connections is not held by who misuses it.
  socket.destroySoon()
}
