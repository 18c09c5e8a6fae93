import type { Alert } from '../../domain/alert.ts'
import type { AlertGroup, Heartbeat } from '../subject.ts'
import type { Signer } from './signer.ts'

/** What a sink sends: the body as text, and what it is. */
export interface Rendered {
  contentType: string
  body: string
  /** One line, printable characters only, for receivers that want a subject beside the body (mail). */
  subject?: string
  /**
   * The same content in richer forms, poorest first, as in multipart/alternative (RFC 2046 §5.1.4). `body` is whole without them;
   * a sink that cannot send them leaves them out. `maxBytes` bounds them and `body` together.
   */
  alternatives?: readonly { contentType: string; body: string }[]
  /** Of a group: how many of its alerts did not fit and are only counted; left out where all are there. */
  omitted?: number
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
  /** Where people open Revenant, an http(s) URL: alerts link to `<publicUrl>/findings/<id>` (see `link.ts`). Left out: no links. */
  publicUrl?: string
  /** What signs, for formats that are signed (`caep`); with none they throw CONFIG_INVALID. Opened by `openSigner` of `signer.ts`. */
  signer?: Signer
}

/** Standard Webhooks asks for payloads under 20 kB. */
export const MAX_BODY_BYTES = 20_000
