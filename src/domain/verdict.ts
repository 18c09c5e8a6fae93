/**
 * What one answer means.
 * `accepted`: the system authenticated the credential. `rejected`: the answer proves that it is not accepted.
 * `inconclusive`: everything else; never shown as "revoked".
 */
export const VERDICTS = ['accepted', 'rejected', 'inconclusive'] as const
export type Verdict = (typeof VERDICTS)[number]

/** `weak`: the same bytes also occur while the credential is still usable. */
export const STRENGTHS = ['strong', 'weak'] as const
export type Strength = (typeof STRENGTHS)[number]

/**
 * How far the trial's controls back a verdict. `controlled`: the decoys were refused and a canary was accepted by the
 * same path. `explicit`: the decoys were refused, there is no canary. `none`: no control passed.
 */
export const ASSURANCES = ['controlled', 'explicit', 'none'] as const
export type Assurance = (typeof ASSURANCES)[number]

/** True when a rejection may close a finding: a strong one, or a weak one in a trial whose canary passed. */
export function isProvenRejection(of: { verdict: Verdict; strength: Strength; assurance: Assurance }): boolean {
  if (of.verdict !== 'rejected' || of.assurance === 'none') return false
  return of.strength === 'strong' || of.assurance === 'controlled'
}
