import { type Selectable, sql } from 'kysely'
import type { Role } from '../domain/access.ts'
import type { Queryable } from './db.ts'
import { type Away, awayness } from './leaver.ts'
import type { SessionTable } from './tables.ts'

export type SessionRow = Omit<Selectable<SessionTable>, 'digest'>

export interface NewSession {
  id: string
  digest: Uint8Array
  actor: string
  role: Role
  via: SessionRow['via']
  bearers: readonly string[]
  address: string | null
  agent: string | null
  expiresAt: Temporal.Instant
}

const COLUMNS = [
  ...(['id', 'actor', 'role', 'via', 'bearers', 'address', 'agent', 'created_at', 'seen_at', 'expires_at'] as const),
  ...(['ended_at', 'ended_by'] as const),
]

export async function insertSession(tx: Queryable, session: NewSession, now: Temporal.Instant): Promise<void> {
  const { expiresAt, bearers, ...rest } = session
  const at = now.toString()
  await tx
    .insertInto('session')
    .values({ ...rest, bearers: [...bearers], created_at: at, seen_at: at, expires_at: expiresAt.toString() })
    .execute()
}

/** The session of this cookie, ended ones included, and whether whoever it belongs to is away. */
export async function findSession(
  db: Queryable,
  digest: Uint8Array,
  now: Temporal.Instant,
): Promise<(SessionRow & { away: Away | null }) | undefined> {
  return db
    .selectFrom('session')
    .select(COLUMNS)
    .select(awayness(sql.ref('session.bearers'), now).as('away'))
    .where('digest', '=', digest)
    .executeTakeFirst()
}

/** How often the time of the last use is written. */
const COARSE = { minutes: 1 }

/** Notes that a session is used; at most once a minute. */
export async function touchSession(db: Queryable, { id, seen_at }: SessionRow, now: Temporal.Instant): Promise<void> {
  const before = now.subtract(COARSE)
  if (Temporal.Instant.compare(seen_at, before) > 0) return
  await db
    .updateTable('session')
    .set({ seen_at: now.toString() })
    .where('id', '=', id)
    .where('seen_at', '<=', sql<Temporal.Instant>`${before.toString()}::timestamptz`)
    .execute()
}

/** Ends a session; undefined where there is none that lives. @param by whoever ended it, or why its owner is away */
export async function endSession(
  tx: Queryable,
  id: string,
  by: string,
  now: Temporal.Instant,
): Promise<{ actor: string } | undefined> {
  return tx
    .updateTable('session')
    .set({ ended_at: now.toString(), ended_by: by })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .returning('actor')
    .executeTakeFirst()
}

/**
 * Ends the sessions of a provider that were opened under another map of roles than this one: the audit of their opening has it.
 *
 * @param map undefined: there is no provider any more
 */
export async function endMappedSessions(
  tx: Queryable,
  map: string | undefined,
  by: string,
  now: Temporal.Instant,
): Promise<{ id: string; actor: string }[]> {
  const { rows } = await sql<{ id: string; actor: string }>`
    update session s set ended_at = ${now.toString()}::timestamptz, ended_by = ${by}
    where s.via = 'oidc' and s.ended_at is null and s.expires_at > ${now.toString()}::timestamptz and not exists (
      select 1 from audit a where a.subject = s.id::text and a.action = 'session.open' and a.detail->>'roleMap' = ${map ?? null}::text
    ) returning s.id, s.actor
  `.execute(tx)
  return rows
}

/** Sessions that live at this time, the newest first. @param idleSince those not used since are over */
export async function listSessions(
  db: Queryable,
  page: { before?: string; limit: number; idleSince: Temporal.Instant },
  now: Temporal.Instant,
): Promise<SessionRow[]> {
  let query = db
    .selectFrom('session')
    .select(COLUMNS)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', sql<Temporal.Instant>`${now.toString()}::timestamptz`)
    .where('seen_at', '>', sql<Temporal.Instant>`${page.idleSince.toString()}::timestamptz`)
  if (page.before !== undefined) query = query.where('id', '<', page.before)
  return query.orderBy('id', 'desc').limit(page.limit).execute()
}

/** Whether anybody was ever signed in, or a token made. */
export async function everUsed(db: Queryable): Promise<boolean> {
  const { rows } = await sql<{ used: boolean }>`
    select exists (select 1 from session) or exists (select 1 from api_token) as used
  `.execute(db)
  return rows[0]?.used === true
}

/** Forgets sessions that were over before this. The last one ever stays: that there was one is how a first start is told. */
export async function forgetSessions(db: Queryable, before: Temporal.Instant): Promise<void> {
  await sql`
    delete from session where expires_at < ${before.toString()}::timestamptz and id < (select max(id::text)::uuid from session)
  `.execute(db)
}
