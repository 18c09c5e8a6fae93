import { RevenantError } from '../domain/error.ts'
import { isLedgerKind } from '../domain/ledger.ts'
import type { Db, Queryable } from '../store/db.ts'
import {
  addCheckpoint,
  type CheckpointRow,
  hasOutbox,
  latestCheckpoint,
  readTiles,
  type SequencedEntry,
  sequenceEntries,
  tryLockLedger,
  writeTiles,
} from '../store/ledger.ts'
import { transact } from '../store/transact.ts'
import { openCheckpoint, signCheckpoint } from './checkpoint.ts'
import { entryHash } from './entry.ts'
import { edgeOf, openTree } from './grow.ts'
import { type Hash, isSame } from './merkle.ts'
import type { NoteSigner } from './note-key.ts'
import { parseNote } from './signed-note.ts'
import { areCurrent, type LedgerSigners } from './signers.ts'

export interface SequencerDeps {
  db: Db
  /** Opens the keys of the log; asked again when the log has another key than before. */
  openSigners(): Promise<LedgerSigners>
  now(): Temporal.Instant
  /** Facts appended in one transaction, about. */
  batch?: number
}

export interface Sequencer {
  /** Appends all that waits; answers how many facts. 0 also while another process does it. */
  run(signal?: AbortSignal): Promise<number>
  signers(): Promise<LedgerSigners>
}

/** Large enough that signing and writing the tree's edge cost little for each fact, small enough to commit several times a second. */
const BATCH = 5_000

/**
 * The one writer of the log. A batch moves from the outbox into the log, the tree grows by it, and the checkpoint that says so is
 * signed and stored, in one transaction: after a crash it stands whole or is still in the outbox. Processes take turns by a lock; where
 * a database grants locks that it does not keep, the entry's index and the checkpoint's size still let only one of two through.
 */
export function openSequencer(deps: SequencerDeps): Sequencer {
  let known: LedgerSigners | undefined
  const signers = async () => {
    if (known === undefined || !(await areCurrent(deps.db, known))) known = await deps.openSigners()
    return known
  }
  return {
    signers,
    run: async (signal) => {
      let done = 0
      while (signal?.aborted !== true && (await hasOutbox(deps.db))) {
        const keys = await signers()
        const appended = await transact(deps.db, (tx) => appendBatch(tx, keys, deps))
        if (appended === 0) break
        done += appended
      }
      return done
    },
  }
}

async function appendBatch(tx: Queryable, keys: LedgerSigners, { now, batch = BATCH }: SequencerDeps): Promise<number> {
  if (!(await tryLockLedger(tx))) return 0
  const last = await latestCheckpoint(tx)
  const size = last?.size ?? 0
  const at = laterOf(now().round({ smallestUnit: 'millisecond', roundingMode: 'floor' }), last?.at)
  const entries = await sequenceEntries(tx, size, batch, at)
  if (entries.length === 0) return 0
  const tree = openTree(size, await readTiles(tx, edgeOf(size)))
  if (last !== undefined) checkLast(last, await tree.root(), keys)
  tree.append(entries.map(hashOf))
  await writeTiles(tx, tree.changed())
  const root = await tree.root()
  const note = signCheckpoint({ origin: keys.origin, size: tree.size, root }, signersAfter(last, keys))
  if (!(await addCheckpoint(tx, size, { size: tree.size, root, at, note })))
    throw new RevenantError('CONFLICT', 'another process extended the ledger at the same time')
  return entries.length
}

/** Times rise with the index, also where a clock was set back or replicas differ: bundles of neighbouring periods meet by it. */
function laterOf(now: Temporal.Instant, last: Temporal.Instant | undefined): Temporal.Instant {
  return last !== undefined && Temporal.Instant.compare(now, last) < 0 ? last : now
}

/** What is stored must be what was signed: a log that was changed from outside is not signed on. */
function checkLast(last: CheckpointRow, root: Hash, { origin, keys }: LedgerSigners): void {
  const { checkpoint } = openCheckpoint(last.note, keys, { origin })
  if (checkpoint.size === last.size && isSame(checkpoint.root, last.root) && isSame(root, last.root)) return
  throw new RevenantError(
    'EVIDENCE_INVALID',
    `the ledger's tree of ${last.size} entries is not the one that its checkpoint signed: it was changed from outside, or restored in part. Nothing is appended. See revenant ledger verify`,
  )
}

/** The newest key signs; after a rotation once together with the one before, by which those who know that one learn of it. */
function signersAfter(last: CheckpointRow | undefined, { signers }: LedgerSigners): NoteSigner[] {
  const [newest, before] = [signers.at(-1), signers.at(-2)]
  if (newest === undefined) throw new RevenantError('KEY_UNKNOWN', 'the key ring holds no key that signs the ledger')
  const isFirst = last !== undefined && !isSignedBy(last.note, newest)
  return isFirst && before !== undefined ? [before, newest] : [newest]
}

function isSignedBy(note: string, { id }: NoteSigner): boolean {
  return parseNote(note).signatures.some((signature) => signature.id === id)
}

function hashOf({ kind, id, digest }: SequencedEntry): Hash {
  if (!isLedgerKind(kind)) throw new RevenantError('INTERNAL', `the ledger has no kind ${kind}`)
  return entryHash({ kind, id, digest })
}
