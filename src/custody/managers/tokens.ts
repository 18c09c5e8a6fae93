/** A token of a secret manager, and for how long it is good. */
export interface Lease {
  token: string
  /** Milliseconds; undefined: without an end that we know. */
  livesMs: number | undefined
  renewable: boolean
}

export interface TokensOptions {
  login(signal: AbortSignal): Promise<Lease>
  /** Left out: an old token is replaced by another login. */
  renew?: (token: string, signal: AbortSignal) => Promise<Lease>
  /** Milliseconds that only grow. */
  clock?: () => number
}

/** The one token that a manager is asked with, kept in memory alone. */
export interface Tokens {
  get(signal: AbortSignal): Promise<string>
  /**
   * Says that a token was refused. True: there is, or will be, another one. A young token is kept: it is then the secret that it may
   * not read, and a login for each such secret would fill the manager with tokens.
   */
  drop(token: string): boolean
  /** Milliseconds until the token should be renewed; undefined: there is none, or it has no end. */
  dueInMs(): number | undefined
}

/** Of its life, after which a token is renewed: early enough for a few failures, late enough not to be a burden. */
const RENEW_AT = 2 / 3
/** A token that is younger is not believed to be forgotten by its manager. */
const YOUNG_MS = 60_000

/** Logs in when first asked; renews, or logs in again, once two thirds of a token's life are over. Callers share one login. */
export function openTokens({ login, renew, clock = () => performance.now() }: TokensOptions): Tokens {
  let held: { lease: Lease; since: number } | undefined
  let coming: Promise<Lease> | undefined

  const dueInMs = () => (held?.lease.livesMs === undefined ? undefined : held.since + held.lease.livesMs * RENEW_AT - clock())

  const next = async (signal: AbortSignal): Promise<Lease> => {
    const old = held
    if (old === undefined || renew === undefined || !old.lease.renewable || ended(old)) return login(signal)
    // Renewal fails at the end of the longest life that a token may have: then a new one is due.
    return renew(old.lease.token, signal).catch(() => login(signal))
  }
  const ended = ({ lease, since }: { lease: Lease; since: number }) =>
    lease.livesMs !== undefined && clock() > since + lease.livesMs
  return {
    get: async (signal) => {
      const due = dueInMs()
      if (held !== undefined && (due === undefined || due > 0)) return held.lease.token
      coming ??= next(signal)
        .then((lease) => {
          held = { lease, since: clock() }
          return lease
        })
        .finally(() => {
          coming = undefined
        })
      return (await coming).token
    },
    drop: (token) => {
      if (held === undefined || held.lease.token !== token) return true
      if (clock() - held.since < YOUNG_MS) return false
      held = undefined
      return true
    },
    dueInMs,
  }
}
