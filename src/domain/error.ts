/**
 * Every error that Revenant raises on purpose, in one catalogue. `input`: the caller can mend it (exit 2).
 * `fault`: ours or the machine's (exit 1).
 */
export const ERRORS = {
  CONFIG_INVALID: 'input',
  CONFIG_UNREADABLE: 'input',
  INPUT_INVALID: 'input',
  NOT_FOUND: 'input',
  CONFLICT: 'input',
  SECRET_EMPTY: 'input',
  SECRET_INVALID: 'input',
  SECRET_UNAVAILABLE: 'input',
  SECRET_CHANGED: 'input',
  ORIGIN_CHANGED: 'input',
  KEY_RING_INVALID: 'input',
  KEY_UNKNOWN: 'input',
  SEAL_BROKEN: 'fault',
  CATALOGUE_INVALID: 'fault',
  PROBE_UNKNOWN: 'input',
  ORIGIN_FORBIDDEN: 'fault',
  DATABASE_UNAVAILABLE: 'fault',
  DATABASE_IN_USE: 'input',
  DATABASE_TOO_OLD: 'input',
  EVIDENCE_INVALID: 'input',
  SINK_REFUSED: 'fault',
  SINK_UNREACHABLE: 'fault',
  SOURCE_REFUSED: 'fault',
  SOURCE_UNREACHABLE: 'fault',
  INTERNAL: 'fault',
} as const satisfies Record<string, 'input' | 'fault'>

export type ErrorCode = keyof typeof ERRORS

/** The one base of our errors. The message tells what is wrong, where, and what to do; it never quotes a secret. */
export class RevenantError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RevenantError'
    this.code = code
  }
}

/** Turns whatever a catch receives into an Error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(typeof thrown === 'string' ? thrown : 'a value that is no Error was thrown')
}

/** The driver's own code of an error (`ECONNREFUSED`, `28P01`, `UND_ERR_SOCKET`), looking through `cause`; undefined without one. */
export function errorCode(thrown: unknown): string | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth++) {
    if ('code' in error && (typeof error.code === 'string' || typeof error.code === 'number')) return String(error.code)
  }
  return undefined
}
