import type { Privilege } from './credential.ts'
import type { Severity } from './finding.ts'
import type { IdentityKind } from './identity.ts'
import type { Tier } from './system.ts'

/** Observations are kept for at least so long, whatever the configuration says: `retention.observations` takes nothing less. */
export const SHORTEST_RETENTION_MS = 30 * 86_400_000

/** What is expected of a revocation and how often it is looked at. Durations are milliseconds. */
export interface Policy {
  /** From termination until access must be gone. */
  revokeWithinMs: RevokeWithin
  /** How long a due credential may go without a judgement before that is a finding. */
  verifyWithinMs: number
  /** Proven rejections in a row that close a finding. */
  confirmRejections: number
  confirmAfterMs: number
  /** The first row whose `untilMs` (since termination) has not passed holds; the last row has none. */
  cadence: Cadence
  provenEveryMs: number
  remindEveryMs: number
  /** What differs for some; left out: nothing but `revokeWithinMs.rules`. */
  rules?: readonly PolicyRule[]
}

export type Cadence = { untilMs?: number; everyMs: number }[]

/** By tier, and for whatever a rule names otherwise. */
export interface RevokeWithin extends Readonly<Record<Tier, number>> {
  /** In order: the first that fits counts. */
  rules?: readonly RevokeRule[]
}

export interface RevokeRule {
  when: PolicyWhen
  ms: number
}

/** What a rule is about: all that it names must fit. Of what a finding does not have (an orphan's system) no condition is met. */
export interface PolicyWhen {
  tiers?: readonly Tier[]
  /** Names. */
  systems?: readonly string[]
  identityKinds?: readonly IdentityKind[]
  privileges?: readonly Privilege[]
  /** Kinds of credentials, as their imports name them. */
  credentialKinds?: readonly string[]
}

export interface PolicyRule {
  when: PolicyWhen
  cadence?: Cadence
  provenEveryMs?: number
  /** Of what is late; `exactly` leaves the points out of account, otherwise it is the least. */
  severity?: { severity: Severity; exactly: boolean }
  /** Names of the receivers that are told. */
  tell?: readonly string[]
}

/** What rules look at. */
export interface PolicyFacts {
  tier?: Tier | undefined
  system?: string | undefined
  identityKind?: IdentityKind | undefined
  privilege?: Privilege | undefined
  credentialKind?: string | undefined
}

/** What rules say of something: for each part the first rule that has it. What no rule says is left out. */
export type Ruled = Omit<PolicyRule, 'when'>

/** What the rules of a policy say of something. Pure. */
export function policyFor({ rules }: Pick<Policy, 'rules'>, facts: PolicyFacts): Ruled {
  const ruled: Ruled = {}
  for (const { when, cadence, provenEveryMs, severity, tell } of rules ?? []) {
    if (!fits(when, facts)) continue
    if (cadence !== undefined) ruled.cadence ??= cadence
    if (provenEveryMs !== undefined) ruled.provenEveryMs ??= provenEveryMs
    if (severity !== undefined) ruled.severity ??= severity
    if (tell !== undefined) ruled.tell ??= tell
  }
  return ruled
}

/** From termination until access must be gone, in milliseconds. Pure. `allowedMs` of src/store/told.ts says the same in SQL. */
export function withinMs(within: RevokeWithin, facts: PolicyFacts & { tier: Tier }): number {
  return within.rules?.find(({ when }) => fits(when, facts))?.ms ?? within[facts.tier]
}

function fits(when: PolicyWhen, facts: PolicyFacts): boolean {
  return (
    isOneOf(when.tiers, facts.tier) &&
    isOneOf(when.systems, facts.system) &&
    isOneOf(when.identityKinds, facts.identityKind) &&
    isOneOf(when.privileges, facts.privilege) &&
    isOneOf(when.credentialKinds, facts.credentialKind)
  )
}

function isOneOf<Value>(allowed: readonly Value[] | undefined, value: Value | undefined): boolean {
  return allowed === undefined || (value !== undefined && allowed.includes(value))
}
