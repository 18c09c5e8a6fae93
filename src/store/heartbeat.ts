import { sql } from 'kysely'
import type { Queryable } from './db.ts'

export interface Beat {
  instance: string
  zones: readonly string[]
  startedAt: Temporal.Instant
  at: Temporal.Instant
}

/** Says that a replica lives. */
export async function beat(db: Queryable, { instance, zones, startedAt, at }: Beat): Promise<void> {
  const row = { instance, zones: [...zones], started_at: startedAt.toString(), at: at.toString() }
  await db
    .insertInto('heartbeat')
    .values(row)
    .onConflict((conflict) => conflict.column('instance').doUpdateSet(row))
    .execute()
}

/** When any replica last said that it lives; undefined where none ever did. */
export async function lastBeat(db: Queryable): Promise<Temporal.Instant | undefined> {
  const { rows } = await sql<{ at: Temporal.Instant | null }>`select max(at) as at from heartbeat`.execute(db)
  return rows[0]?.at ?? undefined
}

/** Forgets replicas that are long gone: their names come and go with containers. */
export async function dropOldBeats(db: Queryable, before: Temporal.Instant): Promise<void> {
  await sql`
    delete from heartbeat where at < ${before.toString()}::timestamptz and at < (select max(at) from heartbeat)
  `.execute(db)
}
