import type { Reason } from '../domain/reason.ts'
import type { Strength, Verdict } from '../domain/verdict.ts'
import type { Challenge } from './challenge.ts'
import { type HttpAnswer, headerOf } from './http-answer.ts'
import { redirectionOf } from './location.ts'

/** How the credential travels: what decides which challenge of a 401 is meant for us. */
export type Placement = 'bearer' | 'basic' | 'cookie' | 'other'

export interface Classified {
  verdict: Verdict
  reason: Reason
  strength: Strength
}

/**
 * What an answer means where no rule of the endpoint says so. Rejected only by a 401 to the scheme that we used; accepted
 * only by the two errors of RFC 6750 §3.1 and RFC 9470 §3 that are defined to follow a valid token. Everything else proves
 * nothing: an unlisted 403 is sent for network rules, missing scope and disabled accounts alike (Apache `Require ip` answers
 * 403 to right and wrong passwords).
 */
export function classify(answer: HttpAnswer, placement: Placement): Classified {
  const { status } = answer
  if (isBlockPage(answer)) return inconclusive('ip_blocked')
  if (status < 300) return inconclusive('ambiguous')
  if (status < 400) return inconclusive(redirectionOf(answer) === 'canonical' ? 'config_error' : 'ambiguous')
  if (status >= 500) return inconclusive('server_error')
  return (status === 407 ? undefined : fromChallenge(answer, placement)) ?? inconclusive(BY_STATUS[status] ?? 'ambiguous')
}

/** 4xx that say what is wrong with the request or the way, never with the credential. */
const BY_STATUS: Readonly<Record<number, Reason>> = {
  400: 'client_error',
  405: 'client_error',
  406: 'client_error',
  407: 'config_error',
  408: 'timeout',
  411: 'client_error',
  413: 'client_error',
  414: 'client_error',
  415: 'client_error',
  421: 'config_error',
  422: 'client_error',
  423: 'account_locked',
  429: 'rate_limited',
  431: 'client_error',
}

function fromChallenge(answer: HttpAnswer, placement: Placement): Classified | undefined {
  const { status } = answer
  const challenges = status === 400 || status === 401 || status === 403 ? answer.challenges() : []
  // Apache sends stale=true for the right password only: the nonce was too old, the password was not (RFC 7616 §3.3).
  if (challenges.some(({ scheme, params }) => scheme === 'digest' && params.stale?.toLowerCase() === 'true'))
    return inconclusive('challenge')
  const bearers = placement === 'bearer' ? challenges.filter(({ scheme }) => scheme === 'bearer') : []
  const bearer = bearers.find(({ params }) => params.error !== undefined) ?? bearers[0]
  if (bearer !== undefined) return fromBearer(status, bearer)
  return status === 401 ? plain401(answer, challenges, placement) : undefined
}

/** RFC 6750 §3.1. An error code that is in no standard proves nothing. */
function fromBearer(status: number, { params }: Challenge): Classified | undefined {
  const { error } = params
  if (error === undefined) return status === 401 ? inconclusive('credential_not_evaluated') : undefined
  if (error === 'insufficient_scope' && status !== 400)
    return { verdict: 'accepted', reason: 'insufficient_scope', strength: 'strong' }
  if (error === 'insufficient_user_authentication' && status === 401)
    return { verdict: 'accepted', reason: 'mfa_required', strength: 'strong' }
  if (error === 'invalid_request') return inconclusive('client_error')
  if (error !== 'invalid_token' || status !== 401) return inconclusive('ambiguous')
  const said = (params.error_description ?? '').toLowerCase()
  // The standard has one code for three things. The text is read in the safe direction only: to trust the refusal less.
  if (NOT_YET.test(said)) return inconclusive('clock_skew')
  return { verdict: 'rejected', reason: 'token_invalid', strength: KEY_MISSING.test(said) ? 'weak' : 'strong' }
}

const NOT_YET = /before (?:it was )?issued|not (?:yet )?valid (?:yet|before)|not yet valid|issued in the future|\b(?:nbf|iat)\b/
/** A signing key that was not found is a key rotated out, or a key server that did not answer. */
const KEY_MISSING = /\bkid\b|\bjwks?\b|signing key|key not found|no matching key/

/**
 * A 401 is weak: Apache's `Require user` sends the same bytes for a right password. Where it offers other schemes than the
 * one we used, the credential was not looked at.
 */
function plain401(answer: HttpAnswer, challenges: readonly Challenge[], placement: Placement): Classified {
  const ours = placement === 'bearer' || placement === 'basic'
  if (ours && challenges.length > 0 && !challenges.some(({ scheme }) => scheme === placement))
    return inconclusive('auth_method_unsupported')
  if (NOT_YET_BODY.test(shortText(answer))) return { verdict: 'inconclusive', reason: 'clock_skew', strength: 'weak' }
  return { verdict: 'rejected', reason: placement === 'cookie' ? 'session_invalid' : 'invalid_credentials', strength: 'weak' }
}

const NOT_YET_BODY = /used before (?:it was )?issued|token is not (?:yet valid|valid yet|active yet)|not active yet/i

function shortText(answer: HttpAnswer): string {
  return answer.text().slice(0, 1_024)
}

/**
 * True for a page of a WAF or CDN in front of the system. Headers decide; a `Server` name counts only beside a body that is
 * no API's answer, because Cloudflare puts its name on everything it passes on.
 */
export function isBlockPage(answer: HttpAnswer): boolean {
  const { status, headers } = answer
  if (headers['cf-mitigated'] !== undefined) return true
  const action = headers['x-amzn-waf-action']
  if (action === 'challenge' || action === 'captcha') return true
  if (status !== 403 && status !== 503) return false
  // A challenge or a JSON body is the system's own answer, whoever passed it on.
  if (headers['www-authenticate'] !== undefined || answer.kind() === 'json') return false
  if (headers['cf-ray'] !== undefined || headers['x-sucuri-id'] !== undefined || headers['x-iinfo'] !== undefined) return true
  if (/^(?:cloudflare|akamaighost|awselb|cloudfront|sucuri|imperva|big-?ip)/i.test(headerOf(answer, 'server') ?? '')) return true
  // Nothing but the page itself is left to go by here: Akamai and ModSecurity strip their names.
  return (
    answer.kind() === 'html' && /<title>(?:access denied|attention required|just a moment|request rejected)/i.test(answer.text())
  )
}

function inconclusive(reason: Reason): Classified {
  return { verdict: 'inconclusive', reason, strength: 'strong' }
}
