import type { FindingState, Severity } from '../finding.ts'
import type { Facts } from '../leaf.ts'
import { msOf } from './instant.ts'

/** One event in the history of a finding: an edge, or what an operator did. */
export interface FindingEventFields {
  id: string
  finding_id: string
  sequence: number | null
  event: string
  at: Temporal.Instant
  severity: Severity
  state: FindingState
  observation_id: string | null
  trace_id: string | null
  actor: string | null
  note: string | null
}

export function findingEventFacts(row: FindingEventFields): Facts {
  return {
    actor: row.actor,
    at_ms: msOf(row.at),
    event: row.event,
    finding_id: row.finding_id,
    id: row.id,
    note: row.note,
    observation_id: row.observation_id,
    sequence: row.sequence,
    severity: row.severity,
    state: row.state,
    trace_id: row.trace_id,
    type: 'finding',
  }
}
