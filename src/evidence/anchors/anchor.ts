import type { CheckpointRow } from '../../store/ledger.ts'
import type { Hash } from '../merkle.ts'
import type { NoteKey } from '../note-key.ts'

/** What an anchor is, as the configuration says. */
export type AnchorEntry =
  | { name: string; kind: 'file'; path: string }
  | { name: string; kind: 'webhook'; url: string; authorization?: string }
  | { name: string; kind: 'witness'; url: string; vkey: string; authorization?: string }
  | { name: string; kind: 'rfc3161'; url: string; ca: string; authorization?: string }

/** What an anchor is given. */
export interface AnchorContext {
  /** The keys of the log. */
  keys: readonly NoteKey[]
  /** How large the log was when this anchor last took a checkpoint; 0: never. */
  lastSize: number
  /** The consistency proof between two sizes. */
  proveGrowth(from: number, to: number): Promise<readonly Hash[]>
  signal: AbortSignal
}

/** What somebody else said of a checkpoint. */
export interface Anchored {
  /** The time that he states. */
  statedAt?: Temporal.Instant
  /** What he gave: to be kept, since it proves that. */
  proof?: Uint8Array
  /** A line for the checkpoint's note. */
  cosignature?: string
}

/** Tells somebody else of a checkpoint. Throws `SINK_UNREACHABLE`, `SINK_REFUSED`, `EVIDENCE_INVALID` (what came back is false). */
export type Anchor = (checkpoint: CheckpointRow, context: AnchorContext) => Promise<Anchored>
