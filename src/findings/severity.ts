import type { Privilege } from '../domain/credential.ts'
import { atLeast, type FindingKind, type Severity } from '../domain/finding.ts'
import type { IdentityKind } from '../domain/identity.ts'
import type { Ruled } from '../domain/policy.ts'
import type { Tier } from '../domain/system.ts'

export interface SeverityFacts {
  kind: FindingKind
  tier: Tier
  /** Absent on findings of a system. */
  identityKind?: IdentityKind
  privilege?: Privilege
  /** Milliseconds past the deadline; negative while there is still time. */
  overdueMs: number
  /** The deadline's length in milliseconds. */
  withinMs: number
  /** What a rule of the policy says of it. */
  ruled?: Ruled['severity']
}

const TIER_POINTS: Record<Tier, number> = { low: 0, standard: 1, critical: 2 }
const PRIVILEGE_POINTS: Record<Privilege, number> = { standard: 0, elevated: 1, admin: 2 }
/** Nobody notices that a machine still gets in. */
const IDENTITY_POINTS: Record<IdentityKind, number> = { human: 0, service: 1, agent: 1 }
/** What a kind adds to the system's tier. */
const KIND_POINTS: Record<FindingKind, number> = {
  residual_access: 0,
  resurrected_access: 1,
  shared_secret_not_rotated: 1,
  handover_overdue: 0,
  open_system: 1,
  any_secret_accepted: 1,
  principal_mismatch: 1,
  blind_system: 0,
  unverified_past_deadline: -1,
  orphaned_identity: -1,
  feed_silent: 0,
  standing_grant: -1,
}
const BY_POINTS: readonly Severity[] = ['low', 'medium', 'high', 'critical']
/** Past this many times the deadline nobody is working on it. */
const STALE_AFTER = 7

/**
 * Severity as `docs/findings.md` states it: points of the tier, the privilege, the identity's kind, the finding's kind and the age.
 * Access that is still inside its deadline is `info`: it is expected, and recorded. A rule of the policy decides the rest, where there is one.
 */
export function severityOf(facts: SeverityFacts): Severity {
  const access =
    facts.kind === 'residual_access' ||
    facts.kind === 'shared_secret_not_rotated' ||
    facts.kind === 'handover_overdue' ||
    facts.kind === 'standing_grant'
  if (access && facts.overdueMs < 0) return 'info'
  const age = facts.overdueMs > STALE_AFTER * facts.withinMs ? 1 : 0
  if (facts.ruled?.exactly === true) return facts.ruled.severity
  const points =
    TIER_POINTS[facts.tier] +
    KIND_POINTS[facts.kind] +
    (facts.privilege === undefined ? 0 : PRIVILEGE_POINTS[facts.privilege]) +
    (facts.identityKind === undefined ? 0 : IDENTITY_POINTS[facts.identityKind]) +
    age
  const counted = BY_POINTS[Math.max(0, Math.min(points, BY_POINTS.length - 1))] ?? 'critical'
  return facts.ruled === undefined || atLeast(counted, facts.ruled.severity) ? counted : facts.ruled.severity
}
