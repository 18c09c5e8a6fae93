import { type Selectable, sql } from 'kysely'
import type { FeedKind } from '../domain/feed.ts'
import { newId } from '../domain/id.ts'
import type { Facts } from '../domain/leaf.ts'
import type { Queryable } from './db.ts'
import type { FeedTable } from './tables.ts'

export type FeedRow = Selectable<FeedTable>

/** A feed as the configuration names it. */
export interface FeedWrite {
  name: string
  kind: FeedKind
  silentAfterMs: number
}

/** Makes the rows be what the configuration says: new ones are added, those that it no longer names are retired. Answers those in use. */
export async function syncFeeds(tx: Queryable, feeds: readonly FeedWrite[], now: Temporal.Instant): Promise<FeedRow[]> {
  const at = now.toString()
  for (const { name, kind, silentAfterMs } of feeds) {
    await tx
      .insertInto('feed')
      .values({ id: newId(), name, kind, silent_after_ms: silentAfterMs, created_at: at })
      .onConflict((conflict) =>
        conflict.column('name').doUpdateSet({
          kind,
          silent_after_ms: silentAfterMs,
          // One that is back is given its whole time to be heard again.
          heard_at: sql`case when feed.retired_at is null then feed.heard_at else ${at}::timestamptz end`,
          retired_at: null,
        }),
      )
      .execute()
  }
  const names = JSON.stringify(feeds.map(({ name }) => name))
  await sql`
    update feed set retired_at = ${at}::timestamptz
    where retired_at is null and name not in (select json_array_elements_text(${names}::json))
  `.execute(tx)
  return tx.selectFrom('feed').selectAll().where('retired_at', 'is', null).orderBy('name').execute()
}

/** The id of a source, also of one that the configuration no longer names. */
export async function feedIdOf(db: Queryable, name: string): Promise<string | undefined> {
  const row = await db.selectFrom('feed').select('id').where('name', '=', name).executeTakeFirst()
  return row?.id
}

/** Locks a feed until the transaction ends: what is counted of it stays so. */
export async function lockFeed(tx: Queryable, id: string): Promise<void> {
  await tx.selectFrom('feed').select('id').where('id', '=', id).forUpdate().execute()
}

/** A sign of life that says nothing of whether what was refused before is mended. */
export async function sawFeed(db: Queryable, id: string, at: Temporal.Instant): Promise<void> {
  await sql`update feed set heard_at = greatest(heard_at, ${at.toString()}::timestamptz) where id = ${id}::uuid`.execute(db)
}

/** A sign of life: it was taken. What was said of somebody and could not be is another matter (`feed_fault`). */
export async function heardFeed(db: Queryable, id: string, at: Temporal.Instant): Promise<void> {
  await sql`
    update feed set heard_at = greatest(heard_at, ${at.toString()}::timestamptz), fault = null, fault_at = null where id = ${id}::uuid
  `.execute(db)
}

/** Why a feed could not be heard. @param fault a sentence without secrets */
export async function failedFeed(db: Queryable, id: string, fault: string, at: Temporal.Instant): Promise<void> {
  await db.updateTable('feed').set({ fault, fault_at: at.toString() }).where('id', '=', id).execute()
}

/** True for the one replica that is to ask a feed now: nobody has within its period. */
export async function claimPull(db: Queryable, id: string, everyMs: number, now: Temporal.Instant): Promise<boolean> {
  const { rows } = await sql`
    update feed set pulled_at = ${now.toString()}::timestamptz where id = ${id}::uuid
      and coalesce(pulled_at, '-infinity') <= ${now.subtract({ milliseconds: everyMs }).toString()}::timestamptz
    returning id
  `.execute(db)
  return rows.length > 0
}

/** How far a feed has been read; null where it never was. */
export async function feedPosition(db: Queryable, id: string): Promise<Facts | null> {
  const row = await db.selectFrom('feed').select('position').where('id', '=', id).executeTakeFirst()
  return row?.position ?? null
}

export async function moveFeed(db: Queryable, id: string, position: Facts): Promise<void> {
  await db
    .updateTable('feed')
    .set({ position: JSON.stringify(position) })
    .where('id', '=', id)
    .execute()
}

/** Feeds in use that were not heard for longer than they may be silent, and others with an unresolved finding that they were. */
export async function silences(db: Queryable, now: Temporal.Instant): Promise<{ id: string; silent: boolean }[]> {
  const { rows } = await sql<{ id: string; silent: boolean }>`
    select * from (
      select d.id, d.retired_at is null and coalesce(d.heard_at, d.created_at) + d.silent_after_ms * interval '1 millisecond'
        < ${now.toString()}::timestamptz as silent from feed d
    ) d
    where silent or exists (select 1 from finding f where f.feed_id = d.id and f.state <> 'resolved')
    order by id
  `.execute(db)
  return rows
}

/** True the first time that an event comes. */
export async function isFirstEvent(tx: Queryable, feedId: string, key: string, at: Temporal.Instant): Promise<boolean> {
  const { rows } = await sql`
    insert into feed_event (feed_id, key, at) values (${feedId}::uuid, ${key}, ${at.toString()}::timestamptz)
    on conflict do nothing returning key
  `.execute(tx)
  return rows.length > 0
}

/** True where an event has come. */
export async function wasEvent(db: Queryable, feedId: string, key: string): Promise<boolean> {
  const row = await db
    .selectFrom('feed_event')
    .select('key')
    .where('feed_id', '=', feedId)
    .where('key', '=', key)
    .executeTakeFirst()
  return row !== undefined
}

/** Forgets events that came before. */
export async function forgetFeedEvents(db: Queryable, before: Temporal.Instant): Promise<void> {
  await sql`delete from feed_event where at < ${before.toString()}::timestamptz`.execute(db)
}
