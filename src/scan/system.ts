import type { Dispatcher } from 'undici'
import type { Tier } from '../domain/system.ts'
import type { BoundProbe, BoundSecret } from '../probe/probe.ts'
import type { RateLimit, RateLimiter } from './rate.ts'

/** A downstream system as a trial needs it: its probe bound to its target, its limits, its controls. Made by the daemon. */
export interface ScanSystem {
  id: string
  name: string
  probe: BoundProbe
  tier: Tier
  /** Its lockout budgets are kept under this name. */
  realm: string
  /** True where its accounts are those of a directory that other systems ask too: budgets then go by the account's short name. */
  sharesRealm: boolean
  attribution: string
  /** Reads what the target gives by reference. Left out: the environment and files. */
  reference?: (text: string) => Promise<string>
  http: Dispatcher
  /** Kept from trial to trial, so that the rate holds over them. */
  rate: RateLimiter
  limits: {
    concurrency: number
    failuresPerPrincipal: RateLimit
    timeoutMs: number
    shards: number
  }
  controls: {
    /** Reads the canary's secret just in time. Throws a RevenantError when it is not to be had. */
    canary: (() => Promise<BoundSecret>) | undefined
    /** The canary's account in a shared realm, where its own name does not tell. */
    canaryAccount: string | undefined
    /** A digest of what controls are asked of: the target and the canary. Those that passed under another one do not serve. */
    subject: string
    validForMs: number
    confirmationValidForMs: number
  }
  /** The instant after `now` at which the system's schedule opens next; undefined without a schedule. */
  nextWindow: ((now: Temporal.Instant) => Temporal.Instant) | undefined
}
