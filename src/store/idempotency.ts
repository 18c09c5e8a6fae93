import { sql } from 'kysely'
import type { Db, Queryable } from './db.ts'

/** Whose request, under which key. */
export interface RequestKey {
  actor: string
  key: string
}

/** An answer as it is given again. */
export interface KeptAnswer {
  status: number
  headers: Record<string, string>
  /** Null: it was not kept. */
  body: string | null
}

/** What a key already stands for. `digest` null: an upload that has not come in whole. `answer` undefined: it still runs. */
export interface KeptRequest {
  digest: Uint8Array | null
  answer: KeptAnswer | undefined
}

/**
 * Claims a key for a request: undefined where it is the first, or the one before died before `staleBefore` without an answer or is too
 * old to count (`forgottenBefore`). Of many who come at once one is the first.
 */
export async function claimRequest(
  db: Db,
  { actor, key }: RequestKey,
  digest: Uint8Array | null,
  times: { now: Temporal.Instant; staleBefore: Temporal.Instant; forgottenBefore: Temporal.Instant },
): Promise<KeptRequest | undefined> {
  const created_at = times.now.toString()
  const claimed = await db
    .insertInto('idempotency')
    .values({ actor, key, digest, created_at })
    .onConflict((conflict) =>
      conflict
        .columns(['actor', 'key'])
        .doUpdateSet({ digest, status: null, headers: null, body: null, created_at })
        .where(
          sql<boolean>`idempotency.created_at < ${times.forgottenBefore.toString()}::timestamptz
            or (idempotency.status is null and idempotency.created_at < ${times.staleBefore.toString()}::timestamptz)`,
        ),
    )
    .executeTakeFirst()
  if ((claimed.numInsertedOrUpdatedRows ?? 0n) > 0n) return undefined
  const row = await db
    .selectFrom('idempotency')
    .select(['digest', 'status', 'headers', 'body'])
    .where('actor', '=', actor)
    .where('key', '=', key)
    .executeTakeFirst()
  // Released in this moment: whoever asks again gets it.
  if (row === undefined) return { digest, answer: undefined }
  const { status, headers, body } = row
  return { digest: row.digest, answer: status === null ? undefined : { status, headers: headers ?? {}, body } }
}

/** Keeps the answer of a claimed key. */
export async function keepAnswer(
  db: Queryable,
  { actor, key }: RequestKey,
  digest: Uint8Array,
  answer: KeptAnswer,
): Promise<void> {
  const { status, headers, body } = answer
  await db
    .updateTable('idempotency')
    .set({ digest, status, headers: JSON.stringify(headers), body })
    .where('actor', '=', actor)
    .where('key', '=', key)
    .execute()
}

/** Gives a key back whose request changed nothing: it may be sent again, mended. */
export async function releaseRequest(db: Queryable, { actor, key }: RequestKey): Promise<void> {
  await db.deleteFrom('idempotency').where('actor', '=', actor).where('key', '=', key).where('status', 'is', null).execute()
}

/** Forgets keys that were first used before this. */
export async function forgetRequests(db: Queryable, before: Temporal.Instant): Promise<void> {
  await sql`delete from idempotency where created_at < ${before.toString()}::timestamptz`.execute(db)
}
