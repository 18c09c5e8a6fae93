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

/** Faults that may be over with the next request. Others come again, as long as nobody mends something. */
export const TRANSIENT_FAULTS: ReadonlySet<ListingFault> = new Set<ListingFault>([
  'unauthenticated',
  'rate_limited',
  'server_error',
  'unreachable',
  'timeout',
  'tls_error',
  'credential_unavailable',
  'stopped',
])

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

/** What of a list that was read to its end counts as missing where it is not shown; without any of these, whatever it has shown before. */
export interface MissBounds {
  /** Of a list that hangs on another one: what begins the keys of those that were read. Of the rest nobody has looked. */
  under?: string[]
  /** Of a log: keys of what it says has ended, and of nothing else: it may not reach back. */
  ended?: string[]
  /** Keys that it shows as nobody's: whose they are it does not say. */
  unowned?: string[]
}

/** One list of one account that was read to its end. */
export interface WholeLook extends MissBounds {
  account: string
  list: string
}

/** Whether a grant that a listing did not show is missing: its own account was looked at, and where it lies. */
export function isMissing(grant: { account: string; list: string; key: string }, looks: readonly WholeLook[]): boolean {
  const of = looks.filter(({ account, list }) => account === grant.account && list === grant.list)
  const isTold = ({ under, ended, unowned }: MissBounds) =>
    (under?.some((begins) => grant.key.startsWith(`${begins} `)) ?? true) &&
    (ended?.includes(grant.key) ?? true) &&
    unowned?.includes(grant.key) !== true
  return of.length > 0 && of.every(isTold)
}

/** Looks with what of their bounds concerns these grants: `isMissing` says the same of each of them, and nothing is told of others. */
export function looksFor(
  grants: readonly { account: string; list: string; key: string }[],
  looks: readonly WholeLook[],
): WholeLook[] {
  const keys = new Map<string, Set<string>>()
  for (const { account, list, key } of grants) {
    const at = JSON.stringify([account, list])
    keys.set(at, (keys.get(at) ?? new Set()).add(key))
  }
  return looks.map(({ account, list, under, ended, unowned }) => {
    const mine = keys.get(JSON.stringify([account, list])) ?? new Set<string>()
    const begins = new Set([...mine].flatMap(beginningsOf))
    return {
      ...{ account, list },
      ...(ended === undefined ? {} : { ended: ended.filter((key) => mine.has(key)) }),
      ...(under === undefined ? {} : { under: under.filter((each) => begins.has(each)) }),
      ...(unowned === undefined ? {} : { unowned: unowned.filter((key) => mine.has(key)) }),
    }
  })
}

/** What a key begins with, up to each of its blanks. */
function beginningsOf(key: string): string[] {
  const begins: string[] = []
  for (let at = key.indexOf(' '); at >= 0; at = key.indexOf(' ', at + 1)) begins.push(key.slice(0, at))
  return begins
}

/** What an identity may hold so many of: more, and the list counts as cut. */
export const GRANTS_MOST = 5_000
