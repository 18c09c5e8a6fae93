import type { FindingKind } from './finding.ts'

/**
 * What Revenant itself tests, in the words of a summary for auditors. Each is judged for subjects of one sort.
 * `revocation`: a leaver's credential was replayed and refused, in time and as often in a row, with proof, as the policy asks. `decoys`:
 * made-up credentials were refused. `canary`: a live credential was accepted, so that refusals mean something. `coverage`: a leaver's
 * credential was judged, and never without a judgement for longer than the policy allows. `ownership`: services and agents have an
 * owner who is still here.
 */
export const CHECKS = {
  revocation: 'credential',
  decoys: 'system',
  canary: 'system',
  coverage: 'credential',
  ownership: 'identity',
} as const satisfies Record<string, 'credential' | 'system' | 'identity'>
export type Check = keyof typeof CHECKS

/** The check that a finding of each kind speaks of. */
export const CHECK_OF: Record<FindingKind, Check> = {
  residual_access: 'revocation',
  resurrected_access: 'revocation',
  shared_secret_not_rotated: 'revocation',
  handover_overdue: 'revocation',
  principal_mismatch: 'revocation',
  open_system: 'decoys',
  any_secret_accepted: 'decoys',
  blind_system: 'canary',
  unverified_past_deadline: 'coverage',
  feed_silent: 'coverage',
  standing_grant: 'revocation',
  orphaned_identity: 'ownership',
}

/** One requirement of a framework, what we test of it, and which findings speak against it. */
export interface FrameworkControl {
  id: string
  title: string
  checks: readonly Check[]
  findings: readonly FindingKind[]
  /** Where an OSCAL finding points: a statement or objective of NIST's own catalogue. */
  oscal?: { controlId: string; targetId: string; type: 'statement-id' | 'objective-id' }
}

export interface Framework {
  /** The key under which alerts and reports name it: `nist_800_53`. */
  name: string
  title: string
  controls: readonly FrameworkControl[]
}

/** The file `config/frameworks.yaml`, checked. */
export interface FrameworkMapping {
  frameworks: readonly Framework[]
}
