import { newId } from '../domain/id.ts'
import type { Db } from '../store/db.ts'
import type { FindingRow, NewFindingEvent } from '../store/finding.ts'

/** What an operator's action on findings is done with. */
export interface ActDeps {
  db: Db
  /** Who does it, for the audit and the finding's history. */
  actor: string
  now(): Temporal.Instant
}

/** What came of one finding. */
export interface Acted {
  /** The finding as it is now. */
  finding: FindingRow
  /** False: it was as asked already. */
  changed: boolean
}

/** An event of a finding that an operator made: it is no edge and has no number. */
export function operatorEvent(
  finding: Pick<
    FindingRow,
    'id' | 'kind' | 'system_id' | 'identity_id' | 'credential_id' | 'feed_id' | 'grant_id' | 'severity' | 'state'
  >,
  event: NewFindingEvent['event'],
  { actor, note, at }: { actor: string; note: string; at: Temporal.Instant },
): NewFindingEvent {
  return {
    id: newId(),
    finding_id: finding.id,
    kind: finding.kind,
    system_id: finding.system_id,
    identity_id: finding.identity_id,
    credential_id: finding.credential_id,
    feed_id: finding.feed_id,
    grant_id: finding.grant_id,
    listing_id: null,
    sequence: null,
    event,
    at: at.toString({ smallestUnit: 'millisecond' }),
    severity: finding.severity,
    state: finding.state,
    observation_id: null,
    trace_id: null,
    actor,
    note,
  }
}
