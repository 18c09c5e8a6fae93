import type { Answer } from '../../src/probe/probe.ts'
import { decodePasswordPolicy, type LdapResult, OID, type PasswordPolicy } from './message.ts'
import type { LdapSecret } from './secret.ts'
import type { LdapTarget } from './target.ts'

/** What the probe answers; LDAP hands out no successor of a secret. */
export type LdapAnswer = Answer<LdapSecret>
type Meaning = Pick<LdapAnswer, 'verdict' | 'reason' | 'strength'>

/**
 * What the response to a simple bind means. Judged by the result code, then by what the server tells beside it: the password
 * policy control, or Active Directory's sub-code.
 */
export function judgeBind(result: LdapResult, target: Pick<LdapTarget, 'directory' | 'tellsLocks'>): LdapAnswer {
  const control = result.controls.get(OID.passwordPolicy)
  const policy = control === undefined ? undefined : decodePasswordPolicy(control)
  const subCode = subCodeOf(result)
  const wire = {
    resultCode: result.code,
    ...(subCode === undefined ? {} : { subCode }),
    ...(policy === undefined ? {} : wirePolicy(policy)),
  }
  return { ...meaningOf(result, target, policy, subCode), wire }
}

function meaningOf(
  result: LdapResult,
  target: Pick<LdapTarget, 'directory' | 'tellsLocks'>,
  policy: PasswordPolicy | undefined,
  subCode: string | undefined,
): Meaning {
  const expired = result.controls.has(OID.netscapeExpired)
  if (result.code === SUCCESS) return success(policy, expired)
  if (result.code === UNWILLING) return unwilling(result.diagnostic)
  if (result.code !== INVALID_CREDENTIALS) return inconclusive(RESULT_CODES[result.code] ?? 'ambiguous')
  if (subCode !== undefined) return SUB_CODES[subCode] ?? inconclusive('ambiguous')
  // The domain controller always gives one: without it this was not the domain controller's judgement.
  if (target.directory === 'active-directory') return inconclusive('ambiguous')
  if (policy?.error !== undefined) return POLICY_ERRORS[policy.error] ?? inconclusive('ambiguous')
  if (expired) return { ...PASSWORD_EXPIRED, strength: 'weak' }
  return { ...INVALID, strength: isProof(policy, target) ? 'strong' : 'weak' }
}

/**
 * Whether a bare 49 proves that the password is wrong. slapd's ppolicy by default answers a locked account as it answers a wrong
 * password, with an empty policy control (slapo-ppolicy(5), ppolicy_use_lockout). No control at all means that no policy, hence no lock,
 * stands over the name. Of any other server we do not know what it hides: `openldap` vouches that it is no proxy of another directory
 * and that its access rules let us authenticate, since slapd answers 49 to whom they do not.
 */
function isProof(policy: PasswordPolicy | undefined, target: Pick<LdapTarget, 'directory' | 'tellsLocks'>): boolean {
  return target.directory === 'openldap' && (policy === undefined || target.tellsLocks)
}

const SUCCESS = 0
const INVALID_CREDENTIALS = 49
const UNWILLING = 53

const INVALID: Meaning = { verdict: 'rejected', reason: 'invalid_credentials', strength: 'strong' }
const PASSWORD_EXPIRED: Meaning = { verdict: 'accepted', reason: 'password_expired', strength: 'strong' }
const MUST_CHANGE: Meaning = { verdict: 'accepted', reason: 'password_change_required', strength: 'strong' }
const RESTRICTED: Meaning = { verdict: 'accepted', reason: 'access_restricted', strength: 'strong' }

/** PasswordPolicyError beside a 49. Expiry is told only to who has the right password; any other code only after a bind. */
const POLICY_ERRORS: Readonly<Record<number, Meaning>> = {
  0: PASSWORD_EXPIRED,
  1: inconclusive('account_locked'),
}

/**
 * Win32 errors of AcceptSecurityContext, in hexadecimal ([MS-ERREF] §2.2). A wrong password always gives 52e (or 775 on a locked
 * account): the others but 525 come only with the right one. An account that is disabled or expired stays rejected for all that.
 */
const SUB_CODES: Readonly<Record<string, Meaning>> = {
  // Windows only, and never seen from one here: Samba says 52e of an unknown name, too. A slip in the template says so of everybody.
  '525': { verdict: 'rejected', reason: 'user_not_found', strength: 'weak' },
  '52e': INVALID,
  '530': RESTRICTED, // logon hours
  '531': RESTRICTED, // workstation
  '532': PASSWORD_EXPIRED,
  '533': { verdict: 'rejected', reason: 'account_disabled', strength: 'strong' },
  '569': { ...RESTRICTED, strength: 'weak' }, // logon type not granted
  '701': { verdict: 'rejected', reason: 'account_expired', strength: 'strong' },
  '773': MUST_CHANGE,
  '775': inconclusive('account_locked'),
  '51f': inconclusive('upstream_unavailable'), // no logon server reached
}

/** Result codes other than 0, 49 and 53 (RFC 4511 appendix A). None proves anything about the password. */
const RESULT_CODES: Readonly<Record<number, LdapAnswer['reason']>> = {
  1: 'server_error',
  2: 'protocol_error',
  3: 'server_error',
  7: 'auth_method_disabled',
  8: 'tls_required', // strongerAuthRequired: what Active Directory and Samba answer to a simple bind in clear
  10: 'server_error',
  11: 'server_error',
  13: 'tls_required',
  14: 'protocol_error',
  19: 'account_locked', // 389 Directory Server: retry limit exceeded
  34: 'client_error',
  48: 'not_authenticated',
  51: 'server_error',
  52: 'server_error',
  80: 'server_error',
}

function success(policy: PasswordPolicy | undefined, expired: boolean): Meaning {
  if (policy?.error === 2) return MUST_CHANGE
  // A grace login: the password has expired, and this bind has used up one of what is left.
  if (policy?.error === 0 || policy?.graceLogins !== undefined) return PASSWORD_EXPIRED
  if (policy === undefined && expired) return MUST_CHANGE
  return { verdict: 'accepted', reason: 'authenticated', strength: 'strong' }
}

/** 53 has many meanings and the wire nothing but English to tell them apart: hence weak, and never more than these two. */
function unwilling(diagnostic: string): Meaning {
  // 389 Directory Server and its kin: "Account inactivated. Contact system administrator."
  if (/^account inactivated\b/i.test(diagnostic)) return { verdict: 'rejected', reason: 'account_disabled', strength: 'weak' }
  if (/^unauthenticated bind\b/i.test(diagnostic)) return inconclusive('client_error')
  return inconclusive('ambiguous')
}

/** Active Directory says why only in the diagnostic message; the shape is fixed in every language of Windows, and in Samba. */
function subCodeOf(result: LdapResult): string | undefined {
  if (result.code !== INVALID_CREDENTIALS) return undefined
  const found = /^[0-9a-f]{8}: LdapErr: DSID-[0-9a-f]{8}, comment: AcceptSecurityContext error, data ([0-9a-f]{1,8}), v[0-9a-f]+/i
  return found.exec(result.diagnostic)?.[1]?.toLowerCase()
}

function wirePolicy(policy: PasswordPolicy): LdapAnswer['wire'] {
  return {
    policyError: policy.error ?? 'none',
    ...(policy.graceLogins === undefined ? {} : { graceLogins: policy.graceLogins }),
    ...(policy.secondsToExpiry === undefined ? {} : { secondsToExpiry: policy.secondsToExpiry }),
  }
}

function inconclusive(reason: LdapAnswer['reason']): Meaning {
  return { verdict: 'inconclusive', reason, strength: 'strong' }
}
