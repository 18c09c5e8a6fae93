import type { FindingEvent, FindingKind, FindingState, Severity } from '../domain/finding.ts'
import type { IdentityKind } from '../domain/identity.ts'
import type { Reason } from '../domain/reason.ts'
import type { Assurance } from '../domain/verdict.ts'

/** What the demo knows at one moment, ready to be shown. No secret is in it. */
export interface DemoSnapshot {
  startedAt: Temporal.Instant
  now: Temporal.Instant
  open: OpenDoor[]
  closed: ClosedDoor[]
  unjudged: UnjudgedDoor[]
  /** Credentials that have not been tried yet. */
  waiting: number
  systems: SystemControls[]
  alerts: AlertLine[]
  /** What the reader can do next, one line each. */
  hints: string[]
}

/** A finding that is open or acknowledged. */
export interface OpenDoor {
  /** Left out where the finding is about a system: anybody gets in. */
  identity?: string
  identityKind?: IdentityKind
  system: string
  /** The credential's label. */
  credential?: string
  kind: FindingKind
  severity: Severity
  /** When the identity left; for a system, when the finding was opened. */
  since: Temporal.Instant
  state: Exclude<FindingState, 'resolved'>
  /** What was seen and how it was confirmed, in some 34 characters: `as maya; decoy refused`. */
  how: string
}

/** A credential that is proven dead. */
export interface ClosedDoor {
  identity: string
  system: string
  credential: string
  reason: Reason
  assurance: Assurance
  /** From the departure to the first proven rejection. */
  latency?: Temporal.Duration
}

/** A credential whose last answer proves nothing. */
export interface UnjudgedDoor {
  identity: string
  system: string
  credential: string
  reason: Reason
  /** It was refused, and that is not proven: `once` it takes another refusal, `weak` it takes a canary of its own form. */
  refused?: 'once' | 'weak'
}

/** The last controls of a system. `none`: there is no such control here. */
export interface SystemControls {
  name: string
  origin: string
  /** `accepted`: it lets anybody in. `failed`: they got no answer that refuses or accepts. */
  decoys: 'refused' | 'accepted' | 'failed' | 'none'
  canary: 'accepted' | 'failed' | 'none'
  note?: string
}

export interface AlertLine {
  at: Temporal.Instant
  event: FindingEvent
  severity: Severity
  title: string
  /** The receiver has verified the signature and taken it. */
  delivered: boolean
}
