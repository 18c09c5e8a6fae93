import type { Queryable } from './db.ts'

/** The scope of a pause: `*` is everything, otherwise a system's id. */
export type PauseScope = string

/** Pauses a scope; false when it was already paused (the first note stays). */
export async function pause(db: Queryable, scope: PauseScope, by: string, note: string, now: Temporal.Instant): Promise<boolean> {
  const done = await db
    .insertInto('pause')
    .values({ scope, paused_at: now.toString(), paused_by: by, note })
    .onConflict((conflict) => conflict.column('scope').doNothing())
    .executeTakeFirst()
  return (done.numInsertedOrUpdatedRows ?? 0n) > 0n
}

/** Resumes a scope; false when it was not paused. */
export async function resume(db: Queryable, scope: PauseScope): Promise<boolean> {
  const done = await db.deleteFrom('pause').where('scope', '=', scope).executeTakeFirst()
  return done.numDeletedRows > 0n
}

/** True while a system, or everything, is paused. */
export async function isPaused(db: Queryable, systemId: string): Promise<boolean> {
  const row = await db.selectFrom('pause').select('scope').where('scope', 'in', ['*', systemId]).executeTakeFirst()
  return row !== undefined
}

/** Every pause in force. */
export async function listPauses(db: Queryable) {
  return db.selectFrom('pause').selectAll().orderBy('scope').execute()
}
