import type { FindingKind } from '../finding.ts'
import type { Facts } from '../leaf.ts'
import { msOf } from './instant.ts'

/** An exemption as it was granted. Taking it back is an operator's action of its own, so `revoked_at` is no part of these facts. */
export interface ExemptionFields {
  id: string
  finding_kind: FindingKind | null
  credential_id: string | null
  identity_id: string | null
  system_id: string | null
  owner: string
  reason: string
  starts_at: Temporal.Instant
  ends_at: Temporal.Instant
  created_at: Temporal.Instant
  created_by: string
}

export function exemptionFacts(row: ExemptionFields): Facts {
  return {
    created_by: row.created_by,
    created_ms: msOf(row.created_at),
    credential_id: row.credential_id,
    ends_ms: msOf(row.ends_at),
    finding_kind: row.finding_kind,
    id: row.id,
    identity_id: row.identity_id,
    owner: row.owner,
    reason: row.reason,
    starts_ms: msOf(row.starts_at),
    system_id: row.system_id,
    type: 'exemption',
  }
}
