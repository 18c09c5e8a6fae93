import type { Selectable } from 'kysely'
import { sql } from 'kysely'
import { newId } from '../domain/id.ts'
import type { Reason } from '../domain/reason.ts'
import type { Tier } from '../domain/system.ts'
import { audit } from './audit.ts'
import type { Db, Queryable } from './db.ts'
import type { PassedControls, SystemTable } from './tables.ts'
import { transact } from './transact.ts'

export type SystemRow = Selectable<SystemTable>

/** What the configuration says of a system. */
export interface SystemEntry {
  name: string
  probe: string
  origin: string
  tier: Tier
  zone: string
  owner: string | undefined
  schedule: string | undefined
  /** The next instant of `schedule`. */
  scheduleDueAt: Temporal.Instant | undefined
  shards: number
}

/**
 * Makes the `system` rows what the configuration says. A new system is bound to its origin; a known one keeps the origin that its
 * secrets were sealed for, until an operator rebinds it. Systems that the configuration no longer names are retired, not deleted.
 * Answers the rows by name.
 */
export async function syncSystems(
  db: Queryable,
  entries: readonly SystemEntry[],
  now: Temporal.Instant,
): Promise<Map<string, SystemRow>> {
  for (const entry of entries) {
    const common = {
      probe: entry.probe,
      origin: entry.origin,
      tier: entry.tier,
      zone: entry.zone,
      owner: entry.owner ?? null,
      schedule: entry.schedule ?? null,
      shards: entry.shards,
      retired_at: null,
      updated_at: now.toString(),
    }
    const scheduleDueAt = entry.scheduleDueAt?.toString() ?? null
    await db
      .insertInto('system')
      .values({
        id: newId(),
        name: entry.name,
        bound_origin: entry.origin,
        schedule_due_at: scheduleDueAt,
        created_at: now.toString(),
        ...common,
      })
      .onConflict((conflict) =>
        conflict.column('name').doUpdateSet({
          ...common,
          // A schedule that did not change keeps a window that is open; controls are void once the address changes. A pinned peer is
          // the peer of `bound_origin`: it goes when that does.
          schedule_due_at: sql`case when system.schedule is not distinct from excluded.schedule then system.schedule_due_at else excluded.schedule_due_at end`,
          controls: sql`case when system.origin = excluded.origin and system.probe = excluded.probe then system.controls end`,
        }),
      )
      .execute()
  }
  const names = entries.map((entry) => entry.name)
  let stale = db.updateTable('system').set({ retired_at: now.toString() }).where('retired_at', 'is', null)
  if (names.length > 0) stale = stale.where('name', 'not in', names)
  await stale.execute()
  const rows = await db.selectFrom('system').selectAll().where('retired_at', 'is', null).execute()
  return new Map(rows.map((row) => [row.name, row]))
}

/** All systems, retired ones last. */
export async function listSystems(db: Queryable): Promise<SystemRow[]> {
  return db.selectFrom('system').selectAll().orderBy(sql`retired_at is not null`).orderBy('name').execute()
}

export async function findSystem(db: Queryable, id: string): Promise<SystemRow | undefined> {
  return db.selectFrom('system').selectAll().where('id', '=', id).executeTakeFirst()
}

export async function findSystemByName(db: Queryable, name: string): Promise<SystemRow | undefined> {
  return db.selectFrom('system').selectAll().where('name', '=', name).executeTakeFirst()
}

/** Binds a system to an origin. The peer that was pinned at the old one is forgotten, which is audited as `system.unpin`. */
export async function rebindSystem(
  tx: Queryable,
  id: string,
  origin: string,
  by: { actor: string; at: Temporal.Instant },
): Promise<void> {
  const before = await tx
    .selectFrom('system')
    .select(['name', 'bound_origin', 'pinned_peer'])
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
  await tx.updateTable('system').set({ bound_origin: origin, controls: null, pinned_peer: null }).where('id', '=', id).execute()
  if (before === undefined || before.pinned_peer === null) return
  const detail = { origin: before.bound_origin, peer: before.pinned_peer }
  await audit(tx, { ...by, action: 'system.unpin', subject: before.name, detail })
}

/** Keeps trials away until an instant; one that was told to stay away for longer stands. Undefined: lets them come again. */
export async function holdSystem(
  db: Queryable,
  id: string,
  until: Temporal.Instant | undefined,
  reason: Reason | undefined,
  failures: number,
): Promise<void> {
  await db
    .updateTable('system')
    .set({
      hold_until: until === undefined ? null : sql<string>`greatest(hold_until, ${until.toString()}::timestamptz)`,
      hold_reason: reason ?? null,
      breaker_failures: failures,
    })
    .where('id', '=', id)
    .execute()
}

/** Lets trials come again, unless the hold is another one than `seen`: what another shard was told meanwhile stands. */
export async function releaseSystem(db: Queryable, id: string, seen: Temporal.Instant | null): Promise<void> {
  await db
    .updateTable('system')
    .set({ hold_until: null, hold_reason: null, breaker_failures: 0 })
    .where('id', '=', id)
    .where(sql<boolean>`hold_until is not distinct from ${seen?.toString() ?? null}::timestamptz`)
    .execute()
}

/** True while trials are kept away from a system. */
export async function isHeld(db: Queryable, id: string, now: Temporal.Instant): Promise<boolean> {
  const row = await db.selectFrom('system').select('hold_until').where('id', '=', id).executeTakeFirst()
  return row?.hold_until != null && Temporal.Instant.compare(row.hold_until, now) > 0
}

export async function saveControls(db: Queryable, id: string, controls: PassedControls | undefined): Promise<void> {
  await db
    .updateTable('system')
    .set({ controls: controls === undefined ? null : JSON.stringify(controls) })
    .where('id', '=', id)
    .execute()
}

/**
 * Pins the peer that answered at an origin, unless one is pinned or the system was bound to another origin meanwhile; answers the
 * pinned one. What is pinned is audited as `system.pin`, in the same transaction.
 */
export async function pinPeer(
  db: Db,
  id: string,
  seen: { origin: string; peer: string },
  by: { actor: string; at: Temporal.Instant },
): Promise<string> {
  return transact(db, async (tx) => {
    const pinned = await tx
      .updateTable('system')
      .set({ pinned_peer: seen.peer })
      .where('id', '=', id)
      .where('bound_origin', '=', seen.origin)
      .where('pinned_peer', 'is', null)
      .returning('name')
      .executeTakeFirst()
    if (pinned !== undefined) {
      await audit(tx, { ...by, action: 'system.pin', subject: pinned.name, detail: seen })
      return seen.peer
    }
    const row = await tx.selectFrom('system').select('pinned_peer').where('id', '=', id).executeTakeFirst()
    return row?.pinned_peer ?? seen.peer
  })
}

/** Closes a schedule's window: the system is next due at `next`. */
export async function closeWindow(db: Queryable, id: string, next: Temporal.Instant): Promise<void> {
  await db.updateTable('system').set({ schedule_due_at: next.toString() }).where('id', '=', id).execute()
}
