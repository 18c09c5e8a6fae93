import { audit } from '../store/audit.ts'
import type { Db, Queryable } from '../store/db.ts'
import { type DeliveryTry, redriveDeliveries } from '../store/delivery.ts'
import { transact } from '../store/transact.ts'

export interface RedriveDeps {
  db: Db
  /** Enqueues deliveries in the transaction it is given. */
  enqueueAll(db: Queryable, deliveries: readonly DeliveryTry[]): Promise<void>
  /** Who does it, for the audit. */
  actor: string
  now(): Temporal.Instant
}

/** What is sent again: one delivery by its id or the end of it, those of one sink, or (neither given) all that are dead. */
export interface RedriveFilter {
  id?: string
  sink?: string
}

/** Deliveries sent again in one transaction. */
const PAGE = 500

/**
 * Sends dead deliveries again, to be tried for as long as new ones; answers how many. In pages, each audited in its own transaction:
 * after three days without a receiver there may be many. Each has one turn: what dies again meanwhile is not sent a second time.
 */
export async function redrive(filter: RedriveFilter, deps: RedriveDeps): Promise<number> {
  // One instant for all: of a receiver that says it is gone to the first of them, the others do not ask again.
  const at = deps.now()
  let total = 0
  let after: string | undefined
  for (;;) {
    const page = { ...filter, limit: PAGE, ...(after === undefined ? {} : { after }) }
    const rows = await transact(deps.db, async (tx) => {
      const redriven = await redriveDeliveries(tx, page, at)
      await deps.enqueueAll(tx, redriven)
      if (redriven.length > 0 || after === undefined) await tell(tx, filter, redriven.length, deps.actor, at)
      return redriven
    })
    total += rows.length
    after = rows.at(-1)?.id
    if (rows.length < PAGE) return total
  }
}

async function tell(
  tx: Queryable,
  { sink, id }: RedriveFilter,
  count: number,
  actor: string,
  at: Temporal.Instant,
): Promise<void> {
  await audit(tx, { actor, action: 'alerts.redrive', subject: sink ?? id ?? 'all', detail: { count }, at })
}
