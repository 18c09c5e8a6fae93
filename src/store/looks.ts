import { sql } from 'kysely'
import { type AuditEntry, audit } from './audit.ts'
import type { Db } from './db.ts'
import { transact } from './transact.ts'

/**
 * Records that somebody looked at something: one row in the audit, and so in the ledger, for each actor, action, subject and hour (of
 * the clock, UTC), whichever process is asked. Further looks within the hour are counted, and the count stands in the next row as
 * `repeats`. Answers whether there is a new row.
 */
export async function recordLook(db: Db, look: AuditEntry): Promise<boolean> {
  const hour = look.at.round({ smallestUnit: 'hour', roundingMode: 'floor' })
  // One statement for nearly every look: a poller comes each minute.
  if (await counted(db, look, hour)) return false
  return transact(db, async (tx) => {
    const before = await tx
      .selectFrom('look')
      .select(['hour', 'repeats'])
      .where('actor', '=', look.actor)
      .where('action', '=', look.action)
      .where('subject', '=', look.subject)
      .forUpdate()
      .executeTakeFirst()
    const entered = await tx
      .insertInto('look')
      .values({ actor: look.actor, action: look.action, subject: look.subject, hour: hour.toString(), repeats: 0 })
      .onConflict((of) =>
        of
          .columns(['actor', 'action', 'subject'])
          .doUpdateSet({ hour: hour.toString(), repeats: 0 })
          .where('look.hour', '<', sql<Temporal.Instant>`excluded.hour`),
      )
      .executeTakeFirst()
    if ((entered.numInsertedOrUpdatedRows ?? 0n) === 0n) {
      // Somebody else was faster, or has a faster clock.
      await counted(tx, look, hour)
      return false
    }
    const repeats = before === undefined || before.repeats === 0 ? {} : { repeats: told(before) }
    await audit(tx, { ...look, detail: { ...look.detail, ...repeats } })
    return true
  })
}

function told({ hour, repeats }: { hour: Temporal.Instant; repeats: number }) {
  return { count: repeats, hour: hour.toString() }
}

async function counted(
  db: Pick<Db, 'updateTable'>,
  { actor, action, subject }: AuditEntry,
  hour: Temporal.Instant,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('look')
    .set({ repeats: sql<number>`repeats + 1` })
    .where('actor', '=', actor)
    .where('action', '=', action)
    .where('subject', '=', subject)
    .where('hour', '>=', sql<Temporal.Instant>`${hour.toString()}::timestamptz`)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Forgets looks before an instant of which the audit tells all: none was repeated. */
export async function forgetLooks(db: Db, before: Temporal.Instant): Promise<void> {
  await db
    .deleteFrom('look')
    .where('hour', '<', sql<Temporal.Instant>`${before.toString()}::timestamptz`)
    .where('repeats', '=', 0)
    .execute()
}
