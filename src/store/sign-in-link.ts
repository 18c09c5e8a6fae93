import { type Selectable, sql } from 'kysely'
import type { Role } from '../domain/access.ts'
import type { Queryable } from './db.ts'
import type { SignInLinkTable } from './tables.ts'

export type SignInLinkRow = Omit<Selectable<SignInLinkTable>, 'digest'>

export interface NewSignInLink {
  id: string
  digest: Uint8Array
  role: Role
  email: string | null
  createdBy: string
  expiresAt: Temporal.Instant
}

export async function insertSignInLink(tx: Queryable, link: NewSignInLink, now: Temporal.Instant): Promise<void> {
  const { createdBy, expiresAt, ...rest } = link
  await tx
    .insertInto('sign_in_link')
    .values({ ...rest, created_by: createdBy, created_at: now.toString(), expires_at: expiresAt.toString() })
    .execute()
}

/** Uses a link up, in one statement: of many who bring the same code one gets it. Undefined: unknown, used or past its time. */
export async function takeSignInLink(
  tx: Queryable,
  digest: Uint8Array,
  now: Temporal.Instant,
): Promise<SignInLinkRow | undefined> {
  return tx
    .updateTable('sign_in_link')
    .set({ used_at: now.toString() })
    .where('digest', '=', digest)
    .where('used_at', 'is', null)
    .where('expires_at', '>', sql<Temporal.Instant>`${now.toString()}::timestamptz`)
    .returning(['id', 'role', 'email', 'created_at', 'created_by', 'expires_at', 'used_at'])
    .executeTakeFirst()
}

/** Forgets links whose time ended before this. */
export async function forgetSignInLinks(db: Queryable, before: Temporal.Instant): Promise<void> {
  await sql`delete from sign_in_link where expires_at < ${before.toString()}::timestamptz`.execute(db)
}
