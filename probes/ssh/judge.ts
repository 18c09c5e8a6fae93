import type { Judgement } from '../../src/domain/answer.ts'
import type { Reason } from '../../src/domain/reason.ts'
import type { Strength, Verdict } from '../../src/domain/verdict.ts'
import type { Login } from './login.ts'

/**
 * PAM's texts for what SSH has no code for (pam_unix, in English; sshd runs without a locale as a rule). They come only after the
 * right password or a good signature. Another language leaves the verdict at `authenticated` or `ambiguous`; and since a banner is
 * whatever the host wants it to be, a rejection that rests on one is weak.
 */
const ACCOUNT_EXPIRED = /^Your account has expired/m
const PASSWORD_EXPIRED = /^(WARNING: )?(You are required to change your password|Your password has expired)/m

/** SSH_DISCONNECT_TOO_MANY_CONNECTIONS (RFC 4253 §11.1). */
const TOO_MANY_CONNECTIONS = 12

/** What one SSH login means. */
export function judge(login: Login, username: string): Judgement {
  const [verdict, reason, strength = 'strong'] = rowFor(login)
  return {
    verdict,
    reason,
    strength,
    ...(verdict === 'accepted' ? { principal: username } : {}),
    wire: facts(login),
    ...(login.peer === undefined ? {} : { peer: login.peer }),
  }
}

type Row = readonly [verdict: Verdict, reason: Reason, strength?: Strength]

function rowFor(login: Login): Row {
  const { ending, banners } = login
  const said = banners.join('\n')
  switch (ending.how) {
    case 'none accepted':
      return ['inconclusive', 'endpoint_unauthenticated']
    case 'succeeded':
      return ['accepted', PASSWORD_EXPIRED.test(said) ? 'password_expired' : 'authenticated']
    case 'password change':
      return ['accepted', 'password_expired']
    case 'unanswered prompt':
      return ['inconclusive', 'challenge']
    case 'host key refused':
      return ['inconclusive', 'host_key_mismatch']
    case 'protocol error':
      return ['inconclusive', 'protocol_error']
    case 'not offered':
      return ['inconclusive', 'auth_method_disabled']
    case 'failed':
      return ending.partial ? ['accepted', 'mfa_required'] : refusal(login, ending.offered)
    case 'left':
      if (ending.code === TOO_MANY_CONNECTIONS) return ['inconclusive', 'connection_limit']
      if (login.method === undefined) return ['inconclusive', 'unreachable']
      // PAM's account check closes the connection without a message of the protocol.
      return ACCOUNT_EXPIRED.test(said) ? ['rejected', 'account_expired', 'weak'] : ['inconclusive', 'ambiguous', 'weak']
  }
}

/** SSH_MSG_USERAUTH_FAILURE looks the same for a wrong secret, a denied user, a wrong address and a step that is not due yet. */
function refusal({ method, keyType, algorithm, listed }: Login, offered: readonly string[]): Row {
  if (method === undefined || !offered.includes(method)) return ['inconclusive', 'auth_method_disabled']
  if (method !== 'publickey') return ['rejected', 'invalid_credentials', 'weak']
  // A server that knows only SHA-1 signatures, or refuses them, refuses keys that it lists (RFC 8332 §3.3).
  if (keyType === 'ssh-rsa' && !(algorithm ?? '').startsWith('rsa-sha2-')) return ['inconclusive', 'auth_method_unsupported']
  return listed ? ['inconclusive', 'ambiguous', 'weak'] : ['rejected', 'key_not_authorized', 'weak']
}

/** Method names that RFC 4250 §4.8 and OpenSSH know; others are the server's own text. */
const KNOWN_METHODS = ['publickey', 'password', 'keyboard-interactive', 'hostbased', 'gssapi-with-mic']

function facts({ ending, method, listed, keyType, algorithm }: Login): Record<string, string | number> {
  return {
    ending: ending.how,
    ...(method === undefined ? {} : { method }),
    ...('offered' in ending ? { offered: ending.offered.filter((name) => KNOWN_METHODS.includes(name)).join(',') } : {}),
    ...('code' in ending && ending.code !== undefined ? { disconnect: ending.code } : {}),
    ...(keyType === undefined ? {} : { keyType, keyListed: listed ? 'yes' : 'no' }),
    ...(algorithm === undefined ? {} : { algorithm }),
  }
}
