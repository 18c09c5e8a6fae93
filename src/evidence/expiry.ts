import type { LedgerKind } from '../domain/ledger.ts'

/** Kinds whose rows end with their retention. Rows of every other kind stay for good: one that is missing was removed. */
const PASSING: ReadonlySet<LedgerKind> = new Set<LedgerKind>(['observation', 'control', 'trial', 'listing'])

/** An id is made when its row is recorded, which can be hours after what it tells of: a trial may take half a day. */
const SLACK_MS = 86_400_000

/** True for a kind whose rows may be missing at all. */
export function isPassing(kind: LedgerKind): boolean {
  return PASSING.has(kind)
}

/**
 * Whether the row of an entry can have gone with its retention. An entry holds no time, but its id does (UUIDv7, RFC 9562 §5.7), and the
 * log covers the id: nobody can make a young row old.
 *
 * @param horizon the latest instant before which a retention, itself logged, removed rows; undefined: none ever did
 */
export function isPast({ kind, ref }: { kind: LedgerKind; ref: string }, horizon: Temporal.Instant | undefined): boolean {
  if (!isPassing(kind) || horizon === undefined || ref[14] !== '7') return false
  return Number.parseInt(ref.replace('-', '').slice(0, 12), 16) < horizon.epochMilliseconds + SLACK_MS
}
