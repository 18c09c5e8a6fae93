import { RevenantError } from '../../domain/error.ts'
import type { Queryable } from '../../store/db.ts'
import { feedIdOf } from '../../store/feed.ts'

/** The id of a source, also of one that the configuration no longer names. Throws `NOT_FOUND` for a name that no source ever had. */
export async function feedNamed(db: Queryable, name: string): Promise<string> {
  const id = await feedIdOf(db, name)
  if (id === undefined) throw new RevenantError('NOT_FOUND', `no source is called ${JSON.stringify(name)}`)
  return id
}
