import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { logStretch } from '../../src/store/evidence.ts'
import { STORES, type TestStore } from '../servers/stores.ts'

const at = (second: number) => Temporal.Instant.fromEpochMilliseconds(second * 1_000)
/** Seconds at which batches of three were sequenced: the clock was set back after the third, and once ahead. */
const BATCHES = [10, 20, 30, 5, 15, 90, 40, 50]
const SIZE = BATCHES.length * 3

describe.each(STORES)('the stretch of a period on $name', { timeout: 60_000 }, ({ available, open }) => {
  let store: TestStore
  const when = it.skipIf(!available)
  beforeAll(async () => {
    if (available) store = await open()
  })
  afterAll(async () => {
    if (available) await store.stop()
  })
  beforeEach(async () => {
    if (!available) return
    const { db } = store.store
    for (const table of ['ledger_entry', 'ledger_checkpoint'] as const) await db.deleteFrom(table).execute()
    const entries = BATCHES.flatMap((second, batch) =>
      [0, 1, 2].map((n) => ({
        ...{ index: batch * 3 + n, kind: 'operator' as const, ref: newId() },
        ...{ digest: Buffer.alloc(32), at: at(second).toString() },
      })),
    )
    await db.insertInto('ledger_entry').values(entries).execute()
  })

  // Older checkpoints are thinned out: some places have to be found between two of them.
  when.each([[[1, 2, 3, 4, 5, 6, 7, 8]], [[2, 5, 8]], [[8]]])(
    'neighbouring periods meet and leave nothing out, whatever the clock did (checkpoints of batches %j)',
    async (kept) => {
      const { db } = store.store
      await db
        .insertInto('ledger_checkpoint')
        .values(
          kept.map((batch) => ({
            ...{ size: batch * 3, root: Buffer.alloc(32), note: 'x' },
            at: at(BATCHES[batch - 1] ?? 0).toString(),
          })),
        )
        .execute()
      let end = 0
      for (let second = 0; second <= 100; second += 5) {
        const stretch = await logStretch(db, at(second), at(second + 5))
        expect(stretch.first).toBe(end)
        expect(stretch.end).toBeGreaterThanOrEqual(end)
        end = stretch.end
      }
      expect(end).toBe(SIZE)
      expect(await logStretch(db, at(0), at(1_000))).toEqual({ first: 0, end: SIZE })
    },
  )
})
