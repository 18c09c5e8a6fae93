import type { Actor } from '../../domain/access.ts'
import type { Throttle } from '../throttle.ts'
import type { Oidc } from './oidc.ts'

/** What signing in works with, beside the database. */
export interface Access {
  /** Counts sign-ins that were refused, by address. */
  throttle: Throttle
  /** Counts tokens that were wrong, by address: whose program sends an old one may sign in all the same. */
  tokens: Throttle
  /** The provider of the configuration in force. */
  oidc(): Oidc | undefined
}

/** Whoever asks, and by what he is known. */
export interface Caller extends Actor {
  /** Left out by tests of routes alone. */
  credential?: Credential
}

export interface Credential {
  kind: 'session' | 'token'
  /** Of its row. */
  id: string
  /** E-mail addresses and external ids of whoever it belongs to. */
  bearers: readonly string[]
  expiresAt: Temporal.Instant
  /** What requests that change something must bring in the header X-CSRF-Token; for sessions. */
  csrf?: string
  /** How a session was opened. */
  by?: 'link' | 'oidc'
}
