import type { Reason } from './reason.ts'
import type { Strength, Verdict } from './verdict.ts'

/** Facts of the protocol: a status, a SQLSTATE, an LDAP code. Never a secret, never free text that could quote one. */
export type Wire = Readonly<Record<string, string | number>>

/** What a probe says of one attempt. */
export interface Judgement {
  verdict: Verdict
  reason: Reason
  strength: Strength
  /** Who the system says this is. */
  principal?: string
  wire: Wire
  /** How long the system asked us to stay away, in milliseconds. */
  retryAfterMs?: number
  /** The identity of the server that answered (an SSH host key fingerprint), to be pinned by the trial. */
  peer?: string
}
