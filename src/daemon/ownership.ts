import type { Policy } from '../domain/policy.ts'
import { escalateEased } from '../findings/handover.ts'
import type { Queryable } from '../store/db.ts'
import { listOrphans, type Ownership, ownershipsMoved } from '../store/identity.ts'
import { transact } from '../store/transact.ts'
import type { Runtime } from './runtime.ts'

export type OwnershipRuntime = Pick<Runtime, 'store' | 'now' | 'onOwnership' | 'raise'> & {
  config: { policy: Policy }
}

/** Services and agents in one transaction. */
const PAGE = 500
/** Each minute looks back so far: further than the last look at all of them, which is made each hour and at the start. */
const LOOK_BACK = { hours: 2 } as const

/**
 * What the clock alone does to ownership, to be called each minute: an owner whose last day was known in advance leaves, and so does a
 * service or an agent; the date of a handover passes. No import and no trial says so.
 */
export async function ownershipByClock(runtime: OwnershipRuntime): Promise<void> {
  await settleMoved(runtime, runtime.now().subtract(LOOK_BACK))
  const { store, now, config, raise } = runtime
  await escalateEased({ db: store.db, now, policy: config.policy, raise })
}

/** The same of all, however long ago: every orphan is seen once more. To be called each hour, and at the start. */
export async function ownershipOfAll(runtime: OwnershipRuntime): Promise<void> {
  await settleAll(runtime, (db, now, page) => listOrphans(db, now, page))
  await settleMoved(runtime, undefined)
}

async function settleMoved(runtime: OwnershipRuntime, since: Temporal.Instant | undefined): Promise<void> {
  const from = since === undefined ? {} : { since }
  await settleAll(runtime, (db, now, page) => ownershipsMoved(db, now, { ...page, ...from }))
}

async function settleAll(
  { store, now, onOwnership }: OwnershipRuntime,
  read: (db: Queryable, now: Temporal.Instant, page: { after?: string; limit: number }) => Promise<Ownership[]>,
): Promise<void> {
  let after: string | undefined
  do {
    const place = after === undefined ? {} : { after }
    const page = await transact(store.db, async (tx) => {
      const at = now()
      const rows = await read(tx, at, { limit: PAGE, ...place })
      if (rows.length > 0) await onOwnership(tx, rows, at)
      return rows
    })
    after = page.length < PAGE ? undefined : page.at(-1)?.identityId
  } while (after !== undefined)
}
