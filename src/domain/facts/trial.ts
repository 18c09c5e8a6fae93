import type { Facts } from '../leaf.ts'
import type { Assurance } from '../verdict.ts'
import { msOf } from './instant.ts'

/** A trial that has ended. One that a crash cut short has no entry: its observations and controls have theirs. */
export interface TrialFields {
  id: string
  system_id: string
  shard: number
  zone: string
  instance: string
  trace_id: string
  started_at: Temporal.Instant
  finished_at: Temporal.Instant | null
  outcome: string | null
  assurance: Assurance | null
  accepted: number
  rejected: number
  inconclusive: number
}

export function trialFacts(row: TrialFields): Facts {
  return {
    accepted: row.accepted,
    assurance: row.assurance,
    finished_ms: msOf(row.finished_at),
    id: row.id,
    inconclusive: row.inconclusive,
    instance: row.instance,
    outcome: row.outcome,
    rejected: row.rejected,
    shard: row.shard,
    started_ms: msOf(row.started_at),
    system_id: row.system_id,
    trace_id: row.trace_id,
    type: 'trial',
    zone: row.zone,
  }
}
