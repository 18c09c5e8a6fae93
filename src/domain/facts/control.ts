import type { Wire } from '../answer.ts'
import type { Control } from '../control.ts'
import type { Facts } from '../leaf.ts'
import type { Reason } from '../reason.ts'
import type { Transport } from '../system.ts'
import type { Strength, Verdict } from '../verdict.ts'

/** A control without its instant. */
export interface ControlFields {
  id: string
  trial_id: string
  system_id: string
  credential_id: string | null
  control: Control
  verdict: Verdict
  reason: Reason
  strength: Strength
  wire: Wire
  latency_ms: number
  transport: Transport
}

/** The facts of a control. @param observedMs epoch milliseconds */
export function controlFacts(row: ControlFields, observedMs: number): Facts {
  return {
    control: row.control,
    credential_id: row.credential_id,
    id: row.id,
    latency_ms: row.latency_ms,
    observed_ms: observedMs,
    reason: row.reason,
    strength: row.strength,
    system_id: row.system_id,
    transport: row.transport,
    trial_id: row.trial_id,
    type: 'control',
    verdict: row.verdict,
    wire: row.wire,
  }
}
