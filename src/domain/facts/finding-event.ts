import type { FindingKind, FindingState, Severity } from '../finding.ts'
import type { Facts } from '../leaf.ts'
import { msOf } from './instant.ts'

/** One event in the history of a finding: an edge, or what an operator did. */
export interface FindingEventFields {
  id: string
  finding_id: string
  /** Of the finding when this came to pass, like the three ids: whose door it was. */
  kind: FindingKind
  system_id: string | null
  identity_id: string | null
  credential_id: string | null
  sequence: number | null
  event: string
  at: Temporal.Instant
  severity: Severity
  state: FindingState
  observation_id: string | null
  trace_id: string | null
  actor: string | null
  note: string | null
  feed_id: string | null
  grant_id: string | null
  /** The listing that made it. */
  listing_id: string | null
}

export function findingEventFacts(row: FindingEventFields): Facts {
  return {
    actor: row.actor,
    at_ms: msOf(row.at),
    credential_id: row.credential_id,
    event: row.event,
    // Left out where there is none: entries of before there were feeds stay what they were.
    ...(row.feed_id === null ? {} : { feed_id: row.feed_id }),
    finding_id: row.finding_id,
    ...(row.grant_id === null ? {} : { grant_id: row.grant_id }),
    id: row.id,
    identity_id: row.identity_id,
    kind: row.kind,
    ...(row.listing_id === null ? {} : { listing_id: row.listing_id }),
    note: row.note,
    observation_id: row.observation_id,
    sequence: row.sequence,
    severity: row.severity,
    state: row.state,
    system_id: row.system_id,
    trace_id: row.trace_id,
    type: 'finding',
  }
}
