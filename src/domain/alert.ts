import type { Wire } from './answer.ts'
import type { Control } from './control.ts'
import type { Privilege } from './credential.ts'
import type { FeedKind } from './feed.ts'
import type { FindingEvent, FindingKind, FindingState, Severity } from './finding.ts'
import type { GrantKind } from './grant.ts'
import type { IdentityKind } from './identity.ts'
import type { Reason } from './reason.ts'
import type { Tier, Transport } from './system.ts'
import type { Assurance, Strength, Verdict } from './verdict.ts'

/**
 * One edge of one finding, complete in itself: whatever a format needs is here, and no secret is. Instants are RFC 3339
 * strings in UTC, durations milliseconds. Stored as JSON in the transaction that changed the finding.
 */
export interface Alert {
  /** UUIDv7 of the finding's event; the same in every delivery and every retry. */
  id: string
  /** Stable over the finding's whole life: receivers group and resolve by it. */
  dedupKey: string
  event: FindingEvent
  /** Counts the finding's events from 1: receivers can order by it. */
  sequence: number
  at: string
  title: string
  summary: string
  remediation: string[]
  finding: AlertFinding
  /** Absent where no system is concerned (`orphaned_identity`). */
  system?: AlertSystem
  identity?: AlertIdentity
  credential?: AlertCredential
  /** The source of leavers that it is about. */
  feed?: AlertFeed
  /** What an administrator's list shows: listed, not authenticated. */
  grant?: AlertGrant
  /** The observation that caused the event; absent where a clock caused it. */
  evidence?: AlertEvidence
  /** When access had to be gone, and by how much that is past (negative: still to come). */
  deadline?: { revokeBy: string; overdueMs: number }
  /** W3C trace id of the trial, 32 hex digits. */
  traceId?: string
  /** Control identifiers by framework, e.g. `owasp_nhi: ['NHI1:2025']`. */
  frameworks: Record<string, string[]>
  /** A sample that an operator sent to try a sink: nothing in it is real. */
  test?: true
}

export interface AlertFinding {
  id: string
  kind: FindingKind
  severity: Severity
  state: FindingState
  /** Counts reopenings from 1. */
  episode: number
  openedAt: string
  lastSeenAt: string
  resolvedAt?: string
}

export interface AlertSystem {
  id: string
  name: string
  probe: string
  origin: string
  tier: Tier
  zone: string
  owner?: string
  /** URL of what its owner wrote down for this case. */
  runbook?: string
}

export interface AlertIdentity {
  id: string
  externalId: string
  kind: IdentityKind
  name: string
  email?: string
  /** Whoever answers for a service or an agent, by the external id. */
  owner?: string
  terminatedAt?: string
}

export interface AlertFeed {
  id: string
  name: string
  /** How it tells: `scim`, `ldap`, … */
  kind: FeedKind
  /** When it last gave a sign of life; absent: never. */
  heardAt?: string
}

export interface AlertGrant {
  id: string
  kind: GrantKind
  title: string
  /** Its id in the system's list, never a secret. */
  key: string
  scopes: string[]
  createdAt?: string
  /** As the system says; absent: it does not say, or never. */
  lastUsedAt?: string
}

export interface AlertCredential {
  id: string
  label: string
  kind: string
  /** Keyed fingerprint of the secret, never the secret. */
  fingerprint: string
  privilege: Privilege
  principal?: string
}

export interface AlertEvidence {
  observationId: string
  observedAt: string
  verdict: Verdict
  reason: Reason
  strength: Strength
  assurance: Assurance
  /** The acceptance was confirmed by a decoy of the same principal that was refused. */
  confirmed: boolean
  /** Who the system said this was. */
  principal?: string
  wire: Wire
  latencyMs: number
  transport: Transport
  trialId: string
  controls: { control: Control; verdict: Verdict; reason: Reason; at: string }[]
}
