import { type Selectable, sql } from 'kysely'
import type { Role } from '../domain/access.ts'
import type { Queryable } from './db.ts'
import { type Away, awayness } from './leaver.ts'
import type { ApiTokenTable } from './tables.ts'

export type ApiTokenRow = Omit<Selectable<ApiTokenTable>, 'digest'>

export interface NewApiToken {
  id: string
  digest: Uint8Array
  name: string
  role: Role
  owner: string | null
  bearers: readonly string[]
  createdBy: string
  expiresAt: Temporal.Instant
}

const COLUMNS = [
  ...(['id', 'name', 'role', 'owner', 'bearers', 'created_at', 'created_by', 'expires_at', 'used_at'] as const),
  ...(['ended_at', 'ended_by'] as const),
]

/** False where a token that was not revoked has this name. */
export async function insertApiToken(tx: Queryable, token: NewApiToken, now: Temporal.Instant): Promise<boolean> {
  const { bearers, createdBy, expiresAt, ...rest } = token
  const done = await tx
    .insertInto('api_token')
    .values({
      ...rest,
      bearers: [...bearers],
      created_by: createdBy,
      created_at: now.toString(),
      expires_at: expiresAt.toString(),
    })
    .onConflict((conflict) => conflict.column('name').where('ended_at', 'is', null).doNothing())
    .executeTakeFirst()
  return (done.numInsertedOrUpdatedRows ?? 0n) > 0n
}

/** The token of this digest, revoked ones included, and whether one of those it belongs to is away. */
export async function findApiToken(
  db: Queryable,
  digest: Uint8Array,
  now: Temporal.Instant,
): Promise<(ApiTokenRow & { away: Away | null }) | undefined> {
  return db
    .selectFrom('api_token')
    .select(COLUMNS)
    .select(awayness(sql.ref('api_token.bearers'), now).as('away'))
    .where('digest', '=', digest)
    .executeTakeFirst()
}

/** How often the time of the last use is written. */
const COARSE = { minutes: 1 }

/** Notes that a token is used; at most once a minute. */
export async function touchApiToken(db: Queryable, { id, used_at }: ApiTokenRow, now: Temporal.Instant): Promise<void> {
  const before = now.subtract(COARSE)
  if (used_at !== null && Temporal.Instant.compare(used_at, before) > 0) return
  await db
    .updateTable('api_token')
    .set({ used_at: now.toString() })
    .where('id', '=', id)
    .where((where) =>
      where.or([where('used_at', 'is', null), where('used_at', '<=', sql<Temporal.Instant>`${before.toString()}::timestamptz`)]),
    )
    .execute()
}

/** Revokes a token; undefined where there is none that lives. @param by whoever did, or why its owner is away */
export async function endApiToken(
  tx: Queryable,
  id: string,
  by: string,
  now: Temporal.Instant,
): Promise<{ name: string } | undefined> {
  return tx
    .updateTable('api_token')
    .set({ ended_at: now.toString(), ended_by: by })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .returning('name')
    .executeTakeFirst()
}

/** The token of this name that was not revoked. */
export async function apiTokenNamed(db: Queryable, name: string): Promise<{ id: string } | undefined> {
  return db.selectFrom('api_token').select('id').where('name', '=', name).where('ended_at', 'is', null).executeTakeFirst()
}

/** Tokens, the newest first, revoked and expired ones included. */
export async function listApiTokens(db: Queryable, page: { before?: string; limit: number }): Promise<ApiTokenRow[]> {
  let query = db.selectFrom('api_token').select(COLUMNS)
  if (page.before !== undefined) query = query.where('id', '<', page.before)
  return query.orderBy('id', 'desc').limit(page.limit).execute()
}

/** Tokens that open something and belong to nobody who could leave, by name: none are made any more. */
export async function untiedTokens(db: Queryable, now: Temporal.Instant): Promise<ApiTokenRow[]> {
  return db
    .selectFrom('api_token')
    .select(COLUMNS)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', sql<Temporal.Instant>`${now.toString()}::timestamptz`)
    .where('bearers', '=', sql<string[]>`'{}'::text[]`)
    .orderBy('name')
    .execute()
}
