import type { FindingEvent, FindingKind, Severity } from './finding.ts'
import type { IdentityKind } from './identity.ts'
import type { Tier } from './system.ts'

/** Which alerts a receiver wants, and when and how many at once. Whatever is left out is no condition. */
export interface Route {
  name: string
  minSeverity: Severity
  kinds?: readonly FindingKind[]
  events?: readonly FindingEvent[]
  tiers?: readonly Tier[]
  /** Owners of systems, as the configuration spells them. */
  owners?: readonly string[]
  identityKinds?: readonly IdentityKind[]
  /** Only findings that have been open for so long: the second line, told when the first has not acted. */
  afterMs?: number
  quietHours?: QuietHours
  group?: { by: GroupBy; waitMs: number }
  /** So many messages in a window; what comes on top is gathered into one message. */
  storm?: { count: number; perMs: number }
  /** How often a sign of life is sent. */
  heartbeatMs?: number
}

/** What alerts of one message have in common; `sink`: nothing but their receiver. */
export const GROUP_BYS = ['identity', 'system', 'owner', 'sink'] as const
export type GroupBy = (typeof GROUP_BYS)[number]

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof WEEKDAYS)[number]

/** Hours in which a receiver is told of nothing under a severity: it waits until they end. */
export interface QuietHours {
  /** IANA. */
  zone: string
  /** `HH:MM`; an end at or before the beginning is on the next day. */
  from: string
  to: string
  /** On which the quiet hours begin; left out: every day. */
  days?: readonly Weekday[]
  /** From this severity on an alert is sent all the same. */
  except: Severity
}
