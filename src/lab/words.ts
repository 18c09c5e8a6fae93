import type { FindingKind } from '../domain/finding.ts'
import type { IdentityKind } from '../domain/identity.ts'
import type { Reason } from '../domain/reason.ts'
import { span } from '../domain/span.ts'
import type { Assurance } from '../domain/verdict.ts'
import type { UnjudgedDoor } from './snapshot.ts'

/** What stands behind a name that is no person's. */
export const IDENTITY_KIND: Readonly<Record<IdentityKind, { long: string; short: string }>> = {
  human: { long: '', short: '' },
  service: { long: ' (service)', short: ' (svc)' },
  agent: { long: ' (AI agent)', short: ' (AI)' },
}

/** What is special about a finding, beside that somebody gets in; at most 11 characters. */
export const TAG: Readonly<Record<FindingKind, string>> = {
  residual_access: '',
  resurrected_access: 'CAME BACK',
  shared_secret_not_rotated: 'shared',
  handover_overdue: 'handover',
  open_system: 'open to all',
  any_secret_accepted: 'any secret',
  principal_mismatch: 'as another',
  blind_system: 'blind',
  unverified_past_deadline: 'unproven',
  orphaned_identity: 'no owner',
  feed_silent: 'silent feed',
  standing_grant: 'standing grant',
}

/** How far the controls back a rejection. */
export const BACKED_BY: Readonly<Record<Assurance, string>> = {
  controlled: 'controls passed',
  explicit: 'no canary',
  none: 'no controls',
}

/** How the controls of a system ended. */
export const DECOYS = {
  refused: 'decoys refused',
  accepted: 'decoys ACCEPTED',
  failed: 'decoys unanswered',
  none: 'no decoy',
} as const
export const CANARY = { accepted: 'canary accepted', failed: 'canary FAILED', none: 'no canary' } as const

const REASONS: Partial<Record<Reason, string>> = {
  invalid_credentials: 'wrong name or password',
  user_not_found: 'no such user',
  account_disabled: 'the account is disabled',
  account_expired: 'the account has expired',
  token_invalid: 'not a valid token',
  token_revoked: 'the token was revoked',
  token_expired: 'the token has expired',
  key_not_authorized: 'the key is not authorised',
  key_revoked: 'the key was revoked',
  session_invalid: 'no valid session',
  rate_limited: 'rate limited: asked again when it allows',
  unreachable: 'the host does not answer',
  timeout: 'no answer in time',
  server_error: 'the system failed',
  tls_error: 'TLS failed',
  endpoint_unauthenticated: 'it lets anybody in: proves nothing',
  control_failed: 'its decoys got no clear answer',
  canary_failed: 'its live credential was not accepted',
  any_secret_accepted: 'it accepts any secret',
  unconfirmed: 'accepted, but not confirmed by a decoy',
  circuit_open: 'left alone after failures, asked again soon',
  budget_exhausted: 'no wrong try left for this account',
  account_locked: 'the account is locked, which proves nothing',
  host_key_mismatch: 'another host key than the one pinned',
  secret_unavailable: 'its secret could not be read',
  paused: 'paused',
}

/** A length of time in its largest unit: `26 d`. */
export function shortSpan(length: Temporal.Duration): string {
  return span(length.total('milliseconds')).split(' ').slice(0, 2).join(' ')
}

/** Why a credential counts as not judged. */
export function sayUnjudged({ reason, refused }: UnjudgedDoor): string {
  return refused === undefined ? sayReason(reason) : REFUSED[refused]
}

const REFUSED = {
  once: 'refused once: a proof takes another',
  weak: 'refused, which proves nothing without a canary of its kind',
} as const

/** A reason for a person; where there are no words for it, its code with blanks. */
export function sayReason(reason: Reason): string {
  return REASONS[reason] ?? reason.replaceAll('_', ' ')
}
