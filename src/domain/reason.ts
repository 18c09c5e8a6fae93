import type { Verdict } from './verdict.ts'

/**
 * The closed list of reasons. A reason says what an answer meant; the verdict says what follows from it.
 * Each row names the verdicts it may stand beside, so that an impossible pair is a bug that a test finds.
 */
export const REASONS = {
  // The system authenticated the credential.
  authenticated: ['accepted'],
  mfa_required: ['accepted', 'inconclusive'],
  password_expired: ['accepted', 'inconclusive'],
  password_change_required: ['accepted', 'inconclusive'],
  insufficient_scope: ['accepted', 'inconclusive'],
  insufficient_privilege: ['accepted', 'inconclusive'],
  access_restricted: ['accepted', 'inconclusive'],
  consent_required: ['accepted', 'inconclusive'],
  interaction_required: ['accepted', 'inconclusive'],
  device_required: ['accepted', 'inconclusive'],
  database_unavailable: ['accepted', 'inconclusive'],
  policy_blocked: ['accepted', 'inconclusive', 'rejected'],
  in_use: ['accepted', 'inconclusive'],

  // The answer proves that the credential is not accepted.
  invalid_credentials: ['rejected', 'inconclusive'],
  user_not_found: ['rejected', 'inconclusive'],
  no_password: ['rejected', 'inconclusive'],
  account_disabled: ['rejected', 'inconclusive'],
  account_expired: ['rejected', 'inconclusive'],
  token_invalid: ['rejected', 'inconclusive'],
  token_revoked: ['rejected', 'inconclusive'],
  token_expired: ['rejected', 'inconclusive'],
  token_reused: ['rejected', 'inconclusive'],
  session_invalid: ['rejected', 'inconclusive'],
  key_revoked: ['rejected', 'inconclusive'],
  key_not_authorized: ['rejected', 'inconclusive'],
  cert_revoked: ['rejected', 'inconclusive'],
  cert_expired: ['rejected', 'inconclusive'],
  cert_untrusted: ['rejected', 'inconclusive'],
  client_not_found: ['rejected', 'inconclusive'],
  reauth_required: ['accepted', 'rejected', 'inconclusive'],

  // The answer proves nothing about the credential.
  account_locked: ['inconclusive'],
  account_disabled_or_locked: ['inconclusive'],
  ambiguous: ['inconclusive'],
  auth_method_disabled: ['inconclusive', 'rejected'],
  auth_method_unsupported: ['inconclusive'],
  challenge: ['inconclusive', 'accepted'],
  client_error: ['inconclusive'],
  clock_skew: ['inconclusive'],
  config_error: ['inconclusive'],
  connection_limit: ['accepted', 'inconclusive'],
  credential_not_evaluated: ['inconclusive'],
  endpoint_unauthenticated: ['inconclusive'],
  expired_locally: ['inconclusive'],
  ip_blocked: ['inconclusive', 'accepted'],
  key_still_listed: ['inconclusive'],
  not_authenticated: ['inconclusive'],
  protocol_error: ['inconclusive'],
  rate_limited: ['inconclusive', 'accepted'],
  server_error: ['inconclusive'],
  tls_error: ['inconclusive'],
  tls_required: ['inconclusive', 'accepted'],
  unreachable: ['inconclusive'],
  timeout: ['inconclusive'],
  upstream_unavailable: ['inconclusive', 'accepted'],

  // What only Revenant can say.
  control_failed: ['inconclusive'],
  canary_failed: ['inconclusive'],
  any_secret_accepted: ['inconclusive'],
  unconfirmed: ['inconclusive'],
  host_key_mismatch: ['inconclusive'],
  secret_unavailable: ['inconclusive'],
  origin_changed: ['inconclusive'],
  budget_exhausted: ['inconclusive'],
  circuit_open: ['inconclusive'],
  paused: ['inconclusive'],
} as const satisfies Record<string, readonly Verdict[]>

export type Reason = keyof typeof REASONS

/** Every reason, in the order of the table. */
export const REASON_NAMES: readonly Reason[] = Object.keys(REASONS).filter(isReason)

/** True for a name of the closed list; narrows it. */
export function isReason(name: string): name is Reason {
  return Object.hasOwn(REASONS, name)
}

/** True when the closed list allows this reason beside this verdict. */
export function reasonFits(verdict: Verdict, reason: Reason): boolean {
  const allowed: readonly Verdict[] = REASONS[reason]
  return allowed.includes(verdict)
}
