import { describe, expect, it } from 'vitest'
import { REASON_NAMES } from '../../src/domain/reason.ts'
import { holdMs, isTransportFailure } from '../../src/scan/breaker.ts'

describe('the circuit breaker', () => {
  it('holds a minute, then twice as long with each failure in a row, an hour at most', () => {
    expect([0, 1, 2, 3, 6, 7, 100, 1e9].map((failed) => holdMs(failed) / 60_000)).toEqual([1, 1, 2, 4, 32, 60, 60, 60])
  })

  it('counts what speaks of the way to the system, and nothing that speaks of a credential', () => {
    expect(REASON_NAMES.filter(isTransportFailure).toSorted()).toEqual([
      'host_key_mismatch',
      'protocol_error',
      'server_error',
      'timeout',
      'tls_error',
      'unreachable',
      'upstream_unavailable',
    ])
  })
})
