import type { Selectable } from 'kysely'
import { sql } from 'kysely'
import type { Queryable } from './db.ts'
import type { DataKeyTable } from './tables.ts'

export type DataKeyRow = Selectable<DataKeyTable>

/** Makes processes take turns at changing keys, until the caller's transaction ends. */
export async function lockKeys(tx: Queryable): Promise<void> {
  // Any number that nothing else locks: "revenant" in ASCII, shortened to 63 bits.
  await sql`select pg_advisory_xact_lock(8242262588023958132)`.execute(tx)
}

export async function insertDataKey(
  db: Queryable,
  key: { id: string; wrapped: Uint8Array; ringKeyId: string },
  now: Temporal.Instant,
) {
  await db
    .insertInto('data_key')
    .values({ id: key.id, wrapped: key.wrapped, ring_key_id: key.ringKeyId, created_at: now.toString() })
    .execute()
}

/** The data key that new secrets are sealed with: the newest that is not retired. */
export async function currentDataKey(db: Queryable): Promise<DataKeyRow | undefined> {
  return db
    .selectFrom('data_key')
    .selectAll()
    .where('retired_at', 'is', null)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
}

export async function findDataKey(db: Queryable, id: string): Promise<DataKeyRow | undefined> {
  return db.selectFrom('data_key').selectAll().where('id', '=', id).executeTakeFirst()
}

export async function listDataKeys(db: Queryable): Promise<DataKeyRow[]> {
  return db.selectFrom('data_key').selectAll().orderBy('created_at').orderBy('id').execute()
}

/** Retires every data key but one. */
export async function retireOtherDataKeys(db: Queryable, keep: string, now: Temporal.Instant): Promise<void> {
  await db
    .updateTable('data_key')
    .set({ retired_at: now.toString() })
    .where('id', '!=', keep)
    .where('retired_at', 'is', null)
    .execute()
}

/** Puts a data key under another key of the ring, unless somebody else did so first. */
export async function rewrapDataKey(
  db: Queryable,
  id: string,
  from: string,
  to: { wrapped: Uint8Array; ringKeyId: string },
): Promise<void> {
  await db
    .updateTable('data_key')
    .set({ wrapped: to.wrapped, ring_key_id: to.ringKeyId })
    .where('id', '=', id)
    .where('ring_key_id', '=', from)
    .execute()
}

/** Deletes data keys that were retired before an instant and seal nothing any more; answers how many. */
export async function deleteUnusedDataKeys(db: Queryable, retiredBefore: Temporal.Instant): Promise<number> {
  const done = await db
    .deleteFrom('data_key')
    .where('retired_at', '<', sql<Temporal.Instant>`${retiredBefore.toString()}`)
    .where((eb) =>
      eb.not(eb.exists(eb.selectFrom('secret').select('credential_id').whereRef('secret.data_key_id', '=', 'data_key.id'))),
    )
    .executeTakeFirst()
  return Number(done.numDeletedRows)
}
