import { type SqlBool, sql } from 'kysely'
import type { Alert } from '../domain/alert.ts'
import type { Queryable } from './db.ts'

/** The newest alert of a finding; undefined where it has none. */
export async function lastAlertOf(db: Queryable, findingId: string): Promise<Alert | undefined> {
  const row = await db
    .selectFrom('alert')
    .select('body')
    .where('finding_id', '=', findingId)
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.body
}

/** The newest alert of every finding of an identity, in the order in which they happened. */
export async function lastAlertsOfIdentity(db: Queryable, identityId: string, limit: number): Promise<Alert[]> {
  const rows = await db
    .selectFrom('alert as a')
    .innerJoin('finding as f', 'f.id', 'a.finding_id')
    .select('a.body')
    .where('f.identity_id', '=', identityId)
    .where(sql<SqlBool>`a.sequence = (select max(b.sequence) from alert b where b.finding_id = a.finding_id)`)
    .orderBy('a.at')
    .limit(limit)
    .execute()
  return rows.map(({ body }) => body)
}
