import type { Wire } from '../answer.ts'
import type { Facts } from '../leaf.ts'
import type { Reason } from '../reason.ts'
import type { Transport } from '../system.ts'
import type { Assurance, Strength, Verdict } from '../verdict.ts'

/** An observation without its instant. */
export interface ObservationFields {
  id: string
  trial_id: string
  credential_id: string
  identity_id: string
  system_id: string
  verdict: Verdict
  reason: Reason
  strength: Strength
  assurance: Assurance
  confirmed: boolean
  principal: string | null
  transport: Transport
  effects: string | null
  wire: Wire
  latency_ms: number
  trace_id: string
}

/**
 * The facts of an observation, in the order of canonical JSON, so that the hot path sorts nothing.
 *
 * @param observedMs epoch milliseconds: of a stored row `observed_at.epochMilliseconds`
 */
export function observationFacts(row: ObservationFields, observedMs: number): Facts {
  return {
    assurance: row.assurance,
    confirmed: row.confirmed,
    credential_id: row.credential_id,
    effects: row.effects,
    id: row.id,
    identity_id: row.identity_id,
    latency_ms: row.latency_ms,
    observed_ms: observedMs,
    principal: row.principal,
    reason: row.reason,
    strength: row.strength,
    system_id: row.system_id,
    trace_id: row.trace_id,
    transport: row.transport,
    trial_id: row.trial_id,
    type: 'observation',
    verdict: row.verdict,
    wire: row.wire,
  }
}
