import { errorCode, RevenantError } from '../domain/error.ts'

/** Classes of SQLSTATE: connection exceptions, and a server that starts, stops or has no room (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const STATES = /^(?:08[0-9A-Z]{3}|57P0[123]|53300)$/
const SOCKET: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'],
])

/** Whether the driver's error says that the database cannot be reached: whoever asked may try again. Errors of ours say so by their own code. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof RevenantError) return error.code === 'DATABASE_UNAVAILABLE'
  const code = errorCode(error) ?? ''
  return SOCKET.has(code) || STATES.test(code)
}
