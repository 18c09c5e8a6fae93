import { sql } from 'kysely'
import { textArray } from './arrays.ts'
import type { Queryable } from './db.ts'

/** A job that somebody has taken and not settled. */
export interface ActiveJob {
  id: string
  queue: string
  data: unknown
}

/** What is active in some queues of pg-boss and was taken longer ago than this. */
export async function activeJobs(db: Queryable, queues: readonly string[], takenMs: number): Promise<ActiveJob[]> {
  if (queues.length === 0) return []
  const { rows } = await sql<ActiveJob>`
    select id, name as queue, data from pgboss.job
    where name = any(${textArray(queues)}::text::text[]) and state = 'active'
      and started_on < clock_timestamp() - ${takenMs}::int * interval '1 millisecond'
  `.execute(db)
  return rows
}
