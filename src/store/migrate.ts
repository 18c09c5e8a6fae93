import { sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import * as first from '../../migrations/0001-first.ts'
import * as ledger from '../../migrations/0002-ledger.ts'
import * as delivery from '../../migrations/0003-delivery.ts'
import * as references from '../../migrations/0004-references.ts'
import * as looks from '../../migrations/0005-looks.ts'
import * as access from '../../migrations/0006-access.ts'
import * as lists from '../../migrations/0007-lists.ts'
import * as statements from '../../migrations/0008-statements.ts'
import * as rate from '../../migrations/0009-rate.ts'
import * as feeds from '../../migrations/0010-feeds.ts'
import * as grants from '../../migrations/0011-grants.ts'
import * as retiredReason from '../../migrations/0012-retired-reason.ts'
import * as rotation from '../../migrations/0013-rotation.ts'
import * as ownership from '../../migrations/0014-ownership.ts'
import * as turns from '../../migrations/0015-turns.ts'
import * as spent from '../../migrations/0016-spent.ts'
import * as accounts from '../../migrations/0017-accounts.ts'
import * as feedFaults from '../../migrations/0018-feed-faults.ts'
import * as listings from '../../migrations/0019-listings.ts'
import * as canaries from '../../migrations/0020-canaries.ts'
import { errorCode, RevenantError, toError } from '../domain/error.ts'
import type { Db } from './db.ts'
import { ensurePartitions } from './partition.ts'

/** Every migration, in order. A new one is one file and one line. */
const MIGRATIONS: Record<string, Migration> = {
  '0001-first': first,
  '0002-ledger': ledger,
  '0003-delivery': delivery,
  '0004-references': references,
  '0005-looks': looks,
  '0006-access': access,
  '0007-lists': lists,
  '0008-statements': statements,
  '0009-rate': rate,
  '0010-feeds': feeds,
  '0011-grants': grants,
  '0012-retired-reason': retiredReason,
  '0013-rotation': rotation,
  '0014-ownership': ownership,
  '0015-turns': turns,
  '0016-spent': spent,
  '0017-accounts': accounts,
  '0018-feed-faults': feedFaults,
  '0019-listings': listings,
  '0020-canaries': canaries,
}

/**
 * Brings the schema up to date; replicas that start together take turns (Kysely holds an advisory lock). Nothing is done, and
 * no lock is taken, when the newest migration is already there.
 */
export async function migrate(db: Db): Promise<void> {
  if (!(await isCurrent(db))) {
    const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } })
    const { error } = await migrator.migrateToLatest()
    if (error !== undefined) {
      throw new RevenantError(
        'DATABASE_UNAVAILABLE',
        `the database schema cannot be brought up to date: ${toError(error).message}${errorCode(error) === DENIED ? ' (the account of database.url must own it, or be allowed to create tables in it)' : ''}`,
        { cause: error },
      )
    }
  }
  await ensurePartitions(db, Temporal.Now.instant())
}

/** SQLSTATE insufficient_privilege. */
const DENIED = '42501'

async function isCurrent(db: Db): Promise<boolean> {
  const table = await sql<{ found: boolean }>`select to_regclass('kysely_migration') is not null as found`.execute(db)
  if (table.rows[0]?.found !== true) return false
  const done = await sql<{ name: string }>`select name from kysely_migration`.execute(db)
  const names = new Set(done.rows.map((row) => row.name))
  return Object.keys(MIGRATIONS).every((name) => names.has(name))
}
