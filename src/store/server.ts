import { sql } from 'kysely'
import type { Queryable } from './db.ts'

/** What the database server says of itself. */
export interface ServerFacts {
  version: string
  /** Partitions of `observation`. */
  partitions: number
  /** Its clock at the moment of the answer. */
  at: Temporal.Instant
}

export async function serverFacts(db: Queryable): Promise<ServerFacts> {
  const { rows } = await sql<ServerFacts>`
    select current_setting('server_version') as version, clock_timestamp() as at,
      (select count(*)::int from pg_inherits where inhparent = 'observation'::regclass) as partitions
  `.execute(db)
  const [row] = rows
  if (row === undefined) throw new Error('the database gave no answer')
  return row
}
