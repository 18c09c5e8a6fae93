import { sql } from 'kysely'
import { errorCode } from '../domain/error.ts'
import type { Db, Queryable } from './db.ts'

/** How many months of partitions stand ready beyond the current one: a replica may be down for long without losing rows. */
const MONTHS_AHEAD = 3

/** Makes this month's partition of `observation` and those of the coming months. Safe to run by many replicas at once. */
export async function ensurePartitions(db: Db, now: Temporal.Instant): Promise<void> {
  const month = now.toZonedDateTimeISO('UTC').toPlainDate().toPlainYearMonth()
  const existing = new Set(await partitionNames(db))
  for (let ahead = 0; ahead <= MONTHS_AHEAD; ahead++) {
    const start = month.add({ months: ahead })
    const name = nameOf(start)
    if (existing.has(name)) continue
    const from = start.toPlainDate({ day: 1 }).toString()
    const to = start.add({ months: 1 }).toPlainDate({ day: 1 }).toString()
    // The bounds are dates that we made ourselves; DDL takes no parameters.
    await sql
      .raw(
        `create table if not exists ${name} partition of observation for values from ('${from}T00:00:00Z') to ('${to}T00:00:00Z')`,
      )
      .execute(db)
      .catch((error: unknown) => {
        if (!MADE_MEANWHILE.has(errorCode(error) ?? '')) throw error
      })
  }
}

/** `if not exists` looks before it waits for the others: duplicate_table, unique_violation (of the catalogue), overlapping bounds. */
const MADE_MEANWHILE: ReadonlySet<string> = new Set(['42P07', '23505', '42P17'])

/**
 * Drops the partitions whose last instant lies before `before`; answers their names. A month that still holds the observation of
 * an unresolved finding stays.
 */
export async function dropPartitionsBefore(db: Db, before: Temporal.Instant): Promise<string[]> {
  const names = await partitionsBefore(db, before)
  for (const name of names) await sql`drop table if exists ${sql.table(name)}`.execute(db)
  return names
}

/** The partitions that `dropPartitionsBefore` would drop. */
export async function partitionsBefore(db: Queryable, before: Temporal.Instant): Promise<string[]> {
  const found: string[] = []
  for (const name of await partitionNames(db)) {
    const month = monthOf(name)
    if (month === undefined) continue
    const end = month.add({ months: 1 }).toPlainDate({ day: 1 }).toZonedDateTime('UTC').toInstant()
    if (Temporal.Instant.compare(end, before) > 0) continue
    const kept =
      await sql`select 1 from ${sql.table(name)} o join finding f on f.observation_id = o.id where f.state <> 'resolved' limit 1`.execute(
        db,
      )
    if (kept.rows.length > 0) continue
    found.push(name)
  }
  return found
}

async function partitionNames(db: Queryable): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'observation'::regclass order by 1
  `.execute(db)
  return rows.map((row) => row.name)
}

function nameOf(month: Temporal.PlainYearMonth): string {
  return `observation_${String(month.year).padStart(4, '0')}_${String(month.month).padStart(2, '0')}`
}

function monthOf(name: string): Temporal.PlainYearMonth | undefined {
  const match = /^observation_(\d{4})_(\d{2})$/.exec(name)
  return match === null ? undefined : Temporal.PlainYearMonth.from(`${match[1]}-${match[2]}`)
}
