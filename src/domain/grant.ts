/** What somebody may still have where its secret is not known: what an administrator's list shows of it. */
export const GRANT_KINDS = [
  'oauth_consent',
  'oauth_token',
  'api_key',
  'ssh_key',
  'app_password',
  'service_account',
  'webhook',
  'pipeline',
  'bot',
  'session',
] as const
export type GrantKind = (typeof GRANT_KINDS)[number]

/** By which of its names an identity is looked for at a system. `principal`: the accounts of its credentials there. */
export const PERSON_NAMES = ['email', 'externalId', 'principal'] as const
export type PersonName = (typeof PERSON_NAMES)[number]

/** `complete`: every list was read to its end. `inconclusive`: at least one was not, so that what it does not show proves nothing. */
export const LISTING_OUTCOMES = ['complete', 'inconclusive'] as const
export type ListingOutcome = (typeof LISTING_OUTCOMES)[number]

/** Why a list was not read to its end. */
export const LISTING_FAULTS = [
  /** The system refused us: the administrator's credential may not look there, or not any more. */
  'forbidden',
  'unauthenticated',
  'rate_limited',
  'server_error',
  'unreachable',
  'timeout',
  'tls_error',
  /** Neither the answer that is documented, nor a refusal. */
  'unexpected_answer',
  /** A list that goes on for longer than is read, in a circle, or at another address. */
  'paging_cut',
  'paging_loop',
  'paging_origin',
  'redirected',
  /** The administrator's credential could not be read, or no token had for it. */
  'credential_unavailable',
  /** The identity has no name of the kind that it is looked for by. */
  'no_name',
  /** More than one account answers to that name. */
  'several_accounts',
  /** A made-up person was found, or listed something. */
  'decoy_listed',
  /** The live person whose grants are known listed nothing. */
  'canary_empty',
  'stopped',
] as const
export type ListingFault = (typeof LISTING_FAULTS)[number]

/**
 * What came of a turn of an inventory. `completed`: everybody who was due was looked at. `unfinished`: its time was over before. `blind`:
 * nobody could be looked at: the decoy, the canary or the credential failed. `held`: the system asked to be left alone, or its way failed.
 * `failed`: it broke off by a fault of ours.
 */
export const TURN_OUTCOMES = ['completed', 'unfinished', 'blind', 'held', 'paused', 'stopped', 'failed'] as const
export type TurnOutcome = (typeof TURN_OUTCOMES)[number]

/** A turn begins so long after the one before; one that could not ask is not repeated sooner than the second. */
export const TURN_REST = { ms: 60_000, faultMs: 900_000 } as const

/** What is told of a grant, never a secret. */
export interface GrantFacts {
  scopes?: string[]
  /** RFC 3339, as far as the system says. */
  createdAt?: string
  lastUsedAt?: string
  expiresAt?: string
}

/** What an identity may hold so many of: more, and the list counts as cut. */
export const GRANTS_MOST = 5_000
