import type { Alert } from '../../domain/alert.ts'
import type { AlertGroup, Heartbeat } from '../subject.ts'

/** What a sink sends: the body as text, and what it is. */
export interface Rendered {
  contentType: string
  body: string
}

/** Pure: the same alert and context give the same bytes, so that a retry sends what the first try sent. */
export type Format = (alert: Alert, context: FormatContext) => Rendered

/** Many alerts as one body: for receivers that are people, or as a roll-up. As pure as `Format`. */
export type GroupFormat = (group: AlertGroup, context: FormatContext) => Rendered

/** The sign of life. As pure as `Format`. */
export type HeartbeatFormat = (heartbeat: Heartbeat, context: FormatContext) => Rendered

export interface FormatContext {
  product: { name: 'Revenant'; version: string; instance: string }
  hostname: string
  /** The largest body in bytes; left out: `MAX_BODY_BYTES`. A sink with a smaller limit says so in `Sink.maxBodyBytes`. */
  maxBytes?: number
}

/** Standard Webhooks asks for payloads under 20 kB. */
export const MAX_BODY_BYTES = 20_000
