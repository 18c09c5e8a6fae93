import { type Selectable, sql } from 'kysely'
import type { Queryable } from './db.ts'
import type { Tables } from './tables.ts'

/** The tables whose rows the ledger has entries of. */
export const LOGGED_TABLES = [
  'observation',
  'control',
  'trial',
  'listing',
  'finding_event',
  'exemption',
  'audit',
  'gap',
  'ledger_key',
] as const
export type LoggedTable = (typeof LOGGED_TABLES)[number]

/** The rows of these ids as they are stored now, by id. */
export async function loggedRows<Table extends LoggedTable>(db: Queryable, table: Table, ids: readonly string[]) {
  const { rows } = await sql<Selectable<Tables[Table]> & { id: string }>`
    select * from ${sql.table(table)} where id in (select json_array_elements_text(${JSON.stringify(ids)}::json)::uuid)
  `.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}

/** Columns by which the rows of a table are in time. */
const TIMES = {
  observation: 'observed_at',
  control: 'observed_at',
  trial: 'finished_at',
  listing: 'at',
  finding_event: 'at',
  exemption: 'created_at',
  audit: 'at',
  gap: 'from_at',
  ledger_key: 'created_at',
} as const satisfies Record<LoggedTable, string>

/** The migration with which the ledger began to take the rows of a table. */
const beganWith = (table: LoggedTable): string => (table === 'listing' ? '0019-listings' : '0002-ledger')

/**
 * Since when the ledger of this database has taken what is recorded in a table: everything later is in it. A database that had one from
 * the beginning has it for everything, whatever time a row claims.
 */
export async function ledgerSince(db: Queryable, table: LoggedTable): Promise<Temporal.Instant | undefined> {
  const { rows } = await sql<{ at: string }>`
    select case when l."timestamp"::timestamptz - f."timestamp"::timestamptz < interval '1 minute' then '1970-01-01T00:00:00Z' else l."timestamp" end as at
    from kysely_migration l, (select min("timestamp") as "timestamp" from kysely_migration) f where l.name = ${beganWith(table)}
  `.execute(db)
  return rows[0] === undefined ? undefined : Temporal.Instant.from(rows[0].at)
}

/**
 * Rows recorded since `since` of which the ledger has no entry and the outbox no mention: they were written past it. At most `limit`.
 */
export async function unloggedRows(db: Queryable, table: LoggedTable, since: Temporal.Instant, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select t.id from ${sql.table(table)} t
    where t.${sql.ref(TIMES[table])} >= ${since.toString()}::timestamptz
      and not exists (select 1 from ledger_entry e where e.ref = t.id)
      and not exists (select 1 from ledger_outbox o where t.id = any (o.refs))
    limit ${limit}
  `.execute(db)
  return rows.map((row) => row.id)
}
