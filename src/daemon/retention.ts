import { audit, RETENTION_APPLIED } from '../store/audit.ts'
import { dropHistoryBefore } from '../store/history.ts'
import { forgetListings } from '../store/listing.ts'
import { dropPartitionsBefore, partitionsBefore } from '../store/partition.ts'
import { transact } from '../store/transact.ts'
import type { Runtime } from './runtime.ts'

/**
 * Removes what is past its retention, and logs first that it does: a row that the ledger has an entry of and that is missing without
 * such a word was removed by somebody else. Answers the partitions that went.
 */
export async function applyRetention(
  runtime: Pick<Runtime, 'config' | 'instance' | 'now' | 'store'>,
): Promise<readonly string[]> {
  const { db } = runtime.store
  const now = runtime.now()
  const before = now.subtract({ milliseconds: runtime.config.retention.observationsMs })
  const partitions = await transact(db, async (tx) => {
    const removed = { ...(await dropHistoryBefore(tx, before)), listings: await forgetListings(tx, before) }
    const old = await partitionsBefore(tx, before)
    if (removed.controls + removed.trials + removed.listings + old.length > 0)
      await audit(tx, {
        actor: `daemon ${runtime.instance}`,
        action: RETENTION_APPLIED,
        subject: 'observations',
        detail: { before: before.toString({ smallestUnit: 'millisecond' }), partitions: old, ...removed },
        at: now,
      })
    return old
  })
  // A crash in between leaves the partitions to the next day, which announces them again.
  return partitions.length === 0 ? [] : dropPartitionsBefore(db, before)
}
