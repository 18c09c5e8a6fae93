import type { Alert } from '../../domain/alert.ts'

/** What a sink sends: the body as text, and what it is. */
export interface Rendered {
  contentType: string
  body: string
}

/** Pure: the same alert and context give the same bytes, so that a retry sends what the first try sent. */
export type Format = (alert: Alert, context: FormatContext) => Rendered

export interface FormatContext {
  product: { name: 'Revenant'; version: string; instance: string }
  hostname: string
  /** The largest body in bytes; left out: `MAX_BODY_BYTES`. A sink with a smaller limit says so in `Sink.maxBodyBytes`. */
  maxBytes?: number
}

/** Standard Webhooks asks for payloads under 20 kB. */
export const MAX_BODY_BYTES = 20_000
