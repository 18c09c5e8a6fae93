import type { Queryable } from '../store/db.ts'
import { identityIdOf } from '../store/identity-page.ts'
import { systemIdOf } from '../store/system-page.ts'

/** The id of nothing: what is filtered by it is empty, as it has to be where nothing has the name that was given. */
const NOTHING_HAS_IT = '00000000-0000-0000-0000-000000000000'

/** What filters by system take: its id or its name. */
export async function systemNamed(db: Queryable, named: string | undefined): Promise<string | undefined> {
  return named === undefined ? undefined : ((await systemIdOf(db, named)) ?? NOTHING_HAS_IT)
}

/** What filters by identity take: its id or its external id. */
export async function identityNamed(db: Queryable, named: string | undefined): Promise<string | undefined> {
  return named === undefined ? undefined : ((await identityIdOf(db, named)) ?? NOTHING_HAS_IT)
}
