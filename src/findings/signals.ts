import type { Privilege } from '../domain/credential.ts'
import type { FindingKind } from '../domain/finding.ts'
import type { IdentityKind } from '../domain/identity.ts'
import { type Policy, type PolicyFacts, policyFor, withinMs } from '../domain/policy.ts'
import type { Reason } from '../domain/reason.ts'
import type { Tier } from '../domain/system.ts'
import { type Assurance, isProvenRejection, type Strength, type Verdict } from '../domain/verdict.ts'
import { type SeverityFacts, severityOf } from './severity.ts'
import type { Signal } from './transition.ts'

/** A signal and the finding it is about. */
export interface KeyedSignal {
  /** `scope:id`, see `findingKey`. */
  key: string
  signal: Signal
  /** Absent where no system is concerned. */
  systemId?: string
  identityId?: string
  credentialId?: string
  /** Of a source of leavers. */
  feedId?: string
  /** Of a standing grant. */
  grantId?: string
  observationId?: string
  /** The listing that says so. */
  listingId?: string
  trialId?: string
  traceId?: string
}

/** What a recorded observation says, with what is known of its credential. */
export interface ObservedCredential {
  at: Temporal.Instant
  systemId: string
  identityId: string
  credentialId: string
  observationId: string
  trialId: string
  traceId: string
  verdict: Verdict
  reason: Reason
  strength: Strength
  assurance: Assurance
  confirmed: boolean
  /** The system named another principal than the credential's. */
  otherPrincipal: boolean
  tier: Tier
  /** Its system's name. */
  system: string
  identityKind: IdentityKind
  privilege: Privilege
  credentialKind: string
  shared: boolean
  handoverBy: Temporal.Instant | undefined
  terminatedAt: Temporal.Instant
  /** It had been proven dead before this observation. */
  wasDead: boolean
  /** Proven rejections of this credential in a row, this one included; without it the finding counts for itself. */
  rejections?: number
}

/**
 * The scopes of findings: one finding per scope and thing, for good. `access` is residual access in all its kinds, so that a door
 * that opens again reopens the finding that it had.
 */
export const SCOPES = ['access', 'mismatch', 'any-secret', 'unverified', 'open', 'blind', 'orphan', 'feed', 'grant'] as const
export type Scope = (typeof SCOPES)[number]

export function findingKey(scope: Scope, id: string): string {
  return `${scope}:${id}`
}

/** Everything that one observation says about its credential's findings. Inconclusive answers say almost nothing. */
export function signalsOf(seen: ObservedCredential, policy: Policy): KeyedSignal[] {
  const proven = isProvenRejection(seen)
  const accepted = seen.verdict === 'accepted' && seen.confirmed
  const signals: KeyedSignal[] = []
  const add = (scope: Scope, signal: Signal) => signals.push(keyed(seen, scope, signal))
  const present = (kind: FindingKind): Signal => ({
    holds: true,
    kind,
    severity: severity(seen, kind, policy),
    at: seen.at,
    exempt: false,
  })
  const absent = (needed: number): Signal => ({
    holds: false,
    at: seen.at,
    needed,
    ...(seen.rejections === undefined ? {} : { inARow: seen.rejections }),
  })

  if (accepted && seen.otherPrincipal) add('mismatch', present('principal_mismatch'))
  if (accepted && !seen.otherPrincipal) {
    add('access', present(accessKind(seen)))
    add('mismatch', { holds: false, at: seen.at, needed: 1 })
  }
  if (proven) {
    add('access', absent(policy.confirmRejections))
    add('mismatch', absent(policy.confirmRejections))
  }
  if (seen.reason === 'any_secret_accepted') add('any-secret', present('any_secret_accepted'))
  if (accepted || proven) {
    const over: Signal = { holds: false, at: seen.at, needed: 1 }
    add('any-secret', over)
    add('unverified', over)
  }
  return signals
}

/** The signal of a credential that nobody could judge in time. */
export function unverifiedSignal(
  of: Pick<
    ObservedCredential,
    | 'at'
    | 'systemId'
    | 'identityId'
    | 'credentialId'
    | 'tier'
    | 'system'
    | 'identityKind'
    | 'privilege'
    | 'credentialKind'
    | 'terminatedAt'
  >,
  policy: Policy,
): KeyedSignal {
  const kind = 'unverified_past_deadline'
  return {
    key: findingKey('unverified', of.credentialId),
    systemId: of.systemId,
    identityId: of.identityId,
    credentialId: of.credentialId,
    signal: { holds: true, kind, severity: severity(of, kind, policy), at: of.at, exempt: false },
  }
}

/** A system whose decoys were accepted, or whose controls tell nothing; `holds: false` when its controls passed. */
export function systemSignal(
  scope: 'open' | 'blind',
  of: { at: Temporal.Instant; systemId: string; system: string; tier: Tier; trialId?: string; traceId?: string; holds: boolean },
  policy: Policy,
): KeyedSignal {
  const kind: FindingKind = scope === 'open' ? 'open_system' : 'blind_system'
  const severity = severityOf({ kind, tier: of.tier, overdueMs: 0, withinMs: 1, ...ruledOf(policy, of) })
  return {
    key: findingKey(scope, of.systemId),
    systemId: of.systemId,
    ...(of.trialId === undefined ? {} : { trialId: of.trialId }),
    ...(of.traceId === undefined ? {} : { traceId: of.traceId }),
    signal: of.holds ? { holds: true, kind, severity, at: of.at, exempt: false } : { holds: false, at: of.at, needed: 1 },
  }
}

/** A service or an agent whose owner has left, or has one again. */
export function orphanSignal(
  of: { at: Temporal.Instant; identityId: string; identityKind: IdentityKind; holds: boolean },
  policy: Policy,
): KeyedSignal {
  const kind = 'orphaned_identity'
  const { identityKind } = of
  const severity = severityOf({
    kind,
    tier: 'standard',
    identityKind,
    overdueMs: 0,
    withinMs: 1,
    ...ruledOf(policy, { identityKind }),
  })
  return {
    key: findingKey('orphan', of.identityId),
    identityId: of.identityId,
    signal: of.holds ? { holds: true, kind, severity, at: of.at, exempt: false } : { holds: false, at: of.at, needed: 1 },
  }
}

/** A source of leavers that has been silent for too long, or is heard again. */
export function feedSignal(of: { at: Temporal.Instant; feedId: string; holds: boolean }): KeyedSignal {
  const kind = 'feed_silent'
  const severity = severityOf({ kind, tier: 'critical', overdueMs: 0, withinMs: 1 })
  return {
    key: findingKey('feed', of.feedId),
    feedId: of.feedId,
    signal: of.holds ? { holds: true, kind, severity, at: of.at, exempt: false } : { holds: false, at: of.at, needed: 1 },
  }
}

/**
 * A grant that an administrator's list shows of somebody who left, or does not show any more. It was listed: nobody has authenticated
 * with it.
 */
export function grantSignal(
  of: {
    at: Temporal.Instant
    grantId: string
    /** The listing that shows it, or does not. */
    listingId: string
    systemId: string
    identityId: string
    traceId?: string
    tier: Tier
    /** Its system's name, for the rules of the policy. */
    system: string
    identityKind: IdentityKind
    terminatedAt: Temporal.Instant
    /** Undefined: it is listed. Otherwise how many whole lists in a row without it close the finding. */
    goneAfter: number | undefined
  },
  policy: Policy,
): KeyedSignal {
  const kind = 'standing_grant'
  return {
    key: findingKey('grant', of.grantId),
    systemId: of.systemId,
    identityId: of.identityId,
    grantId: of.grantId,
    listingId: of.listingId,
    ...(of.traceId === undefined ? {} : { traceId: of.traceId }),
    signal:
      of.goneAfter === undefined
        ? { holds: true, kind, severity: severity({ ...of, privilege: 'standard' }, kind, policy), at: of.at, exempt: false }
        : { holds: false, at: of.at, needed: of.goneAfter },
  }
}

/**
 * When access had to be gone: at the handover's date where there is one, though never before the termination; otherwise the policy's time
 * after it.
 */
export function revokeBy(
  of: PolicyFacts & { tier: Tier; terminatedAt: Temporal.Instant; handoverBy: Temporal.Instant | undefined },
  policy: Policy,
): Temporal.Instant {
  const { handoverBy, terminatedAt } = of
  if (handoverBy === undefined) return terminatedAt.add({ milliseconds: withinMs(policy.revokeWithinMs, of) })
  return Temporal.Instant.compare(handoverBy, terminatedAt) < 0 ? terminatedAt : handoverBy
}

function accessKind(seen: ObservedCredential): FindingKind {
  if (seen.wasDead) return 'resurrected_access'
  if (seen.handoverBy !== undefined) return 'handover_overdue'
  return seen.shared ? 'shared_secret_not_rotated' : 'residual_access'
}

/** The severity of a finding of a credential at an instant. */
export function severity(
  of: Pick<ObservedCredential, 'at' | 'tier' | 'identityKind' | 'privilege' | 'terminatedAt'> &
    PolicyFacts & { handoverBy?: Temporal.Instant | undefined },
  kind: FindingKind,
  policy: Policy,
) {
  const deadline = revokeBy({ ...of, handoverBy: of.handoverBy }, policy)
  return severityOf({
    kind,
    tier: of.tier,
    identityKind: of.identityKind,
    privilege: of.privilege,
    overdueMs: of.at.epochMilliseconds - deadline.epochMilliseconds,
    withinMs: withinMs(policy.revokeWithinMs, of),
    ...ruledOf(policy, of),
  })
}

function ruledOf(policy: Policy, of: PolicyFacts): Pick<SeverityFacts, 'ruled'> {
  const { severity: ruled } = policyFor(policy, of)
  return ruled === undefined ? {} : { ruled }
}

function keyed(seen: ObservedCredential, scope: Scope, signal: Signal): KeyedSignal {
  return {
    key: findingKey(scope, seen.credentialId),
    signal,
    systemId: seen.systemId,
    identityId: seen.identityId,
    credentialId: seen.credentialId,
    observationId: seen.observationId,
    trialId: seen.trialId,
    traceId: seen.traceId,
  }
}
