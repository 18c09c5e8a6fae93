import { z } from 'zod'
import type { Judgement } from '../../src/domain/answer.ts'
import type { Reason } from '../../src/domain/reason.ts'
import type { Strength, Verdict } from '../../src/domain/verdict.ts'
import type { HttpAnswer } from '../../src/probe/http-answer.ts'
import { compileRules, type Judge, type Rule } from '../../src/probe/rules.ts'
import { entraRules } from './entra.ts'

/** Codes that go into the evidence. */
const FACTS = { error: '/error', subtype: '/error_subtype', suberror: '/suberror', code: '/error_codes/0' }

/** Token errors come with 400, those of clients with 401 (RFC 6749 §5.2); Auth0 says 403. */
const REFUSED = [400, 401, 403]

function says(error: string | readonly string[], verdict: Verdict, reason: Reason, strength?: Strength): Rule {
  const code = typeof error === 'string' ? error : { in: [...error] }
  return { when: { status: REFUSED, json: { '/error': code } }, verdict, reason, ...(strength === undefined ? {} : { strength }) }
}

const ISSUED: Rule = {
  when: { status: 200, json: { '/access_token': { type: 'string', empty: false } } },
  verdict: 'accepted',
  reason: 'authenticated',
}

const COMMON: readonly Rule[] = [
  says('temporarily_unavailable', 'inconclusive', 'upstream_unavailable'),
  says('server_error', 'inconclusive', 'server_error'),
  says('slow_down', 'inconclusive', 'rate_limited'),
  says('invalid_request', 'inconclusive', 'client_error'),
  says('unsupported_grant_type', 'inconclusive', 'auth_method_unsupported'),
]

/** What is left of a 401 is no refusal of a token: RFC 6749 has none without a code. */
const UNREAD: Rule = { when: { status: 401 }, verdict: 'inconclusive', reason: 'ambiguous' }

/**
 * The token endpoint, asked with a refresh token. `invalid_grant` covers expired, revoked, spent by somebody else (whose family may live
 * on) and given to another client (RFC 6749 §5.2): weak. `invalid_client` says nothing of the token.
 */
const REFRESH: readonly Rule[] = [
  ...entraRules('refresh'),
  // Google's session control: the user must sign in again, and the token lives on (error_subtype invalid_rapt).
  {
    when: { status: REFUSED, json: { '/error': 'invalid_grant', '/error_subtype': { exists: true } } },
    verdict: 'inconclusive',
    reason: 'reauth_required',
  },
  says('invalid_grant', 'rejected', 'token_revoked', 'weak'),
  says('invalid_client', 'inconclusive', 'config_error'),
  says('unauthorized_client', 'inconclusive', 'auth_method_disabled'),
  // The server weighed the token, found it alive and wants its user.
  says(['interaction_required', 'login_required'], 'accepted', 'interaction_required'),
  says('mfa_required', 'accepted', 'mfa_required'),
  // A consent that was withdrawn, or one that was never asked for: the token alone opens nothing either way.
  says('consent_required', 'inconclusive', 'consent_required'),
  ...COMMON,
]

export const judgeRedeemed: Judge = compileRules({
  rules: [ISSUED, ...REFRESH, says('invalid_scope', 'inconclusive', 'client_error'), UNREAD],
  placement: 'other',
  facts: FACTS,
})

/** `invalid_scope` comes after the token was found good. That it does is what the decoys show: a made-up token gets `invalid_grant`. */
export const judgeScope: Judge = compileRules({
  rules: [says('invalid_scope', 'accepted', 'authenticated'), ISSUED, ...REFRESH, UNREAD],
  placement: 'other',
  facts: FACTS,
})

/**
 * An endpoint that clients ask: it looks at the client first (RFC 6749 §3.2.1, RFC 7009 §2.1). `invalid_client` is weak: it also comes
 * where the client is to prove itself in another way than the target says, and of a signature where a clock is off.
 */
const CLIENT: readonly Rule[] = [
  ISSUED,
  ...entraRules('client'),
  says('invalid_grant', 'accepted', 'authenticated'),
  says('invalid_client', 'rejected', 'invalid_credentials', 'weak'),
  // Keycloak says so of a wrong secret, and of nothing else with 401: unknown clients are told something else.
  {
    when: { status: 401, json: { '/error': 'unauthorized_client' } },
    verdict: 'rejected',
    reason: 'invalid_credentials',
    strength: 'weak',
  },
  // Whoever is told what he may not do has been recognised; the decoys show where a server says so to strangers, too.
  says(['unauthorized_client', 'invalid_scope', 'invalid_target'], 'accepted', 'insufficient_scope'),
  ...COMMON,
]

export const judgeClient: Judge = compileRules({ rules: [...CLIENT, UNREAD], placement: 'other', facts: FACTS })

/** RFC 7009 §2.2: 200, whatever the token was, once the client has been recognised. */
export const judgeRevocation: Judge = compileRules({
  rules: [{ when: { status: 200 }, verdict: 'accepted', reason: 'authenticated' }, ...CLIENT, UNREAD],
  placement: 'other',
  facts: FACTS,
})

/** RFC 7662 §2.2. `active: false` is weak: it is also said of a token that is none of the asker's business. */
export function judgeIntrospection(principal = '/username'): Judge {
  return compileRules({
    rules: [
      { when: { status: 200, json: { '/active': true } }, verdict: 'accepted', reason: 'authenticated', principal },
      { when: { status: 200, json: { '/active': false } }, verdict: 'rejected', reason: 'token_invalid', strength: 'weak' },
      says('unsupported_token_type', 'inconclusive', 'auth_method_unsupported'),
      // Whoever asks was refused, by whatever code: the token was not looked at.
      { when: { status: [401, 403] }, verdict: 'inconclusive', reason: 'config_error' },
    ],
    placement: 'other',
    facts: FACTS,
  })
}

/** OpenID Connect Core §5.3. A refusal is weak: servers refuse live tokens for another audience, or without the scope `openid`, alike. */
export function judgeUserinfo(principal = '/preferred_username'): Judge {
  const judge = compileRules({
    rules: [
      {
        when: { status: 200, json: { '/sub': { type: 'string', empty: false } } },
        verdict: 'accepted',
        reason: 'authenticated',
        principal,
      },
    ],
    placement: 'bearer',
  })
  return (answer, secrets) => {
    const judged = judge(answer, secrets)
    return judged.verdict === 'rejected' ? { ...judged, strength: 'weak' } : judged
  }
}

/** What became of a refresh token that was redeemed. `successor`: another one came; `spent`: none did, and it may be gone. */
export type Fate = { successor: string } | { spent: boolean }

const tokens = z.looseObject({ access_token: z.string().min(1), refresh_token: z.string().min(1).optional() })
const onlyToken = z.looseObject({ refresh_token: z.string().min(1) })

/**
 * Says what a redemption did to the token. A refusal spends nothing; an answer that is cut off, and a server error in the middle, may have.
 * So may a 503: proxies say it of a connection that broke after the request had gone through.
 */
export function fateOf(answer: HttpAnswer, sent: string): Fate {
  const { status } = answer
  if (status >= 500) return { spent: true }
  if (status < 200 || status >= 300) return { spent: false }
  // Whatever else is wrong with the answer, this is the only thing that opens the family now.
  const found = onlyToken.safeParse(answer.json())
  if (found.success) return found.data.refresh_token === sent ? { spent: false } : { successor: found.data.refresh_token }
  return { spent: answer.kind() !== 'html' && !tokens.safeParse(answer.json()).success }
}

/**
 * True of a refusal that a spent token gets as well: this one came from outside, and whoever has it, too, may have redeemed it. To send
 * it again could be the replay that ends a living family.
 */
export function isDoubtful({ verdict, strength }: Judgement, { redeemedBy }: { redeemedBy?: string | undefined }): boolean {
  return verdict === 'rejected' && strength === 'weak' && redeemedBy === undefined
}

/**
 * A refusal of a token that we hold as the last of its family, since this client has redeemed the one before itself: nobody else can have
 * spent it, it is this client's, and the ones before it have ended. It was revoked, has expired, or its family was ended.
 */
export function provenBy(judgement: Judgement, redeemedBy: string | undefined, clientId: string): Judgement {
  const ours = redeemedBy !== undefined && redeemedBy === clientId
  return ours && judgement.reason === 'token_revoked' ? { ...judgement, strength: 'strong' } : judgement
}
