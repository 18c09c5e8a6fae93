import type { Reason } from '../domain/reason.ts'

/** Reasons that speak of the way to the system, not of the credential. */
export const TRANSPORT_REASONS: ReadonlySet<Reason> = new Set<Reason>([
  'unreachable',
  'timeout',
  'tls_error',
  'protocol_error',
  'server_error',
  'upstream_unavailable',
  'host_key_mismatch',
])

/** Reasons that speak of us: the system was not asked. */
const OURS: ReadonlySet<Reason> = new Set<Reason>(['budget_exhausted', 'secret_unavailable', 'origin_changed', 'client_error'])

export function isOurs(reason: Reason): boolean {
  return OURS.has(reason)
}

/** Transport failures in a row, over all lanes of a trial, that open the circuit. */
export const BREAKER_THRESHOLD = 5

const FIRST_HOLD_MS = 60_000
const LONGEST_HOLD_MS = 3_600_000

export function isTransportFailure(reason: Reason): boolean {
  return TRANSPORT_REASONS.has(reason)
}

/** How long an open circuit keeps trials away: a minute, doubled with each trial that failed in a row, an hour at most. */
export function holdMs(failedTrials: number): number {
  return Math.min(LONGEST_HOLD_MS, FIRST_HOLD_MS * 2 ** Math.min(Math.max(failedTrials - 1, 0), 16))
}
