import type { Reason } from '../../src/domain/reason.ts'
import type { Strength, Verdict } from '../../src/domain/verdict.ts'
import type { Rule } from '../../src/probe/rules.ts'

/**
 * Entra ID's own codes, in `error_codes` beside the standard's `error`, which alone cannot be trusted there: it says `invalid_grant` of a
 * live token whose user must show a second factor. Source: MicrosoftDocs, reference-error-codes; not tried against Entra. Microsoft warns
 * that codes change: one that is not here proves nothing.
 */
const CODES: readonly (readonly [codes: readonly number[], verdict: Verdict, reason: Reason, strength?: Strength])[] = [
  [[50072, 50074, 50076, 50158], 'accepted', 'mfa_required'],
  [[53000, 53001, 50097], 'accepted', 'device_required'],
  [[53002, 53003], 'accepted', 'policy_blocked'],
  [[50140], 'accepted', 'interaction_required'],
  [[50105], 'accepted', 'insufficient_scope'],
  [[50173, 50133], 'rejected', 'token_revoked', 'strong'],
  [[70008, 700082, 70043], 'rejected', 'token_expired', 'strong'],
  [[50132], 'rejected', 'session_invalid', 'strong'],
  [[50053], 'inconclusive', 'account_locked'],
  [[50196, 90024, 90055], 'inconclusive', 'rate_limited'],
  [[90006, 90012, 90033, 50033, 50000], 'inconclusive', 'server_error'],
  [[50059, 50020, 50146, 700025, 900023, 90002, 9002332, 500011], 'inconclusive', 'config_error'],
]

/** Codes that speak of the client: of a refresh token they say nothing. */
const CLIENT_CODES: typeof CODES = [
  [[7000215, 700027, 70002], 'rejected', 'invalid_credentials', 'strong'],
  [[50012], 'rejected', 'invalid_credentials', 'weak'],
  [[700016], 'rejected', 'client_not_found', 'weak'],
]

/** @param of whose verdict is wanted: the refresh token's, or its client's */
export function entraRules(of: 'refresh' | 'client'): Rule[] {
  const known =
    of === 'client'
      ? [...CLIENT_CODES, ...CODES.filter(([, verdict]) => verdict === 'inconclusive')]
      : [...CODES, ...CLIENT_CODES.map(([codes]) => [codes, 'inconclusive', 'config_error'] as const)]
  const rules = known.map(
    ([codes, verdict, reason, strength]): Rule => ({
      when: { status: [400, 401, 403], json: { '/error_codes/0': { in: [...codes] } } },
      verdict,
      reason,
      ...(strength === undefined ? {} : { strength }),
    }),
  )
  const others: Rule = {
    when: { status: [400, 401, 403], json: { '/error_codes/0': { exists: true } } },
    verdict: 'inconclusive',
    reason: 'ambiguous',
  }
  return [...rules, others]
}
