import { sql } from 'kysely'
import type { Queryable } from './db.ts'

/** A token that an attempt may spend, and whom it is sent for. All fingerprints are keyed. */
export interface SpentToken {
  systemId: string
  /** Null: it is the canary of the system. */
  credentialId: string | null
  /** Of the token alone: the same one at whichever system. */
  fingerprint: string
  /** As this system named it before migration 0016. */
  formerly: string
  /** Of where it is sent, and as whom. */
  way: string
}

/**
 * Why a token must not be sent. `unanswered`: it was sent for this credential (or canary), and no answer was kept. `spent`: it was, and
 * has a successor. `elsewhere`: another one has sent it. `refused`: it was, in this way, and may have been spent by somebody before.
 */
export interface SpentBefore {
  said: {
    token: 'unanswered' | 'spent' | 'elsewhere' | 'refused'
    /** The other one's. */
    system?: string
  }
  /** When it was sent, where no answer is known: it may be on its way yet, or lost. */
  unansweredSince?: Temporal.Instant
}

/**
 * Writes down that a token is about to be sent; of two that ask at once one may. To be called outside a transaction: it must be
 * committed before the message goes out. Undefined: it may be sent.
 */
export async function claimToken(db: Queryable, token: SpentToken, at: Temporal.Instant): Promise<SpentBefore | undefined> {
  const { rows } = await sql<{ claimed: boolean }>`
    insert into spent_token as t (fingerprint, system_id, credential_id, sent_at)
    select ${token.fingerprint}::text, ${token.systemId}::uuid, ${token.credentialId}::uuid, ${at.toString()}::timestamptz
    where not exists (select from spent_token where fingerprint = ${token.formerly}::text)
    on conflict (fingerprint) do update
      set system_id = excluded.system_id, credential_id = excluded.credential_id, sent_at = excluded.sent_at
      where t.sent_at is null and not ${token.way}::text = any(t.refused)
    returning true as claimed
  `.execute(db)
  if (rows.length > 0) return undefined
  // Whoever sent it has been answered in between; who asks again may send it.
  return (await sentBefore(db, token)) ?? { said: { token: 'elsewhere' }, unansweredSince: at }
}

/** What is known of a token that was sent before, or is on its way; undefined: nothing speaks against sending it. */
export async function sentBefore(db: Queryable, token: SpentToken): Promise<SpentBefore | undefined> {
  const row = await db
    .selectFrom('spent_token as t')
    .leftJoin('system', 'system.id', 't.system_id')
    .select(['t.system_id', 't.credential_id', 't.sent_at', 't.rotated_at', 't.refused', 'system.name'])
    .where('t.fingerprint', 'in', [token.fingerprint, token.formerly])
    .executeTakeFirst()
  if (row === undefined) return undefined
  // A canary is known by its system alone.
  const ours = row.credential_id === token.credentialId && (token.credentialId !== null || row.system_id === token.systemId)
  const other = ours || row.name === null ? {} : { system: row.name }
  if (row.sent_at === null) return row.refused.includes(token.way) ? { said: { token: 'refused', ...other } } : undefined
  const open = row.rotated_at === null
  return {
    said: ours ? { token: open ? 'unanswered' : 'spent' } : { token: 'elsewhere', ...other },
    ...(open ? { unansweredSince: row.sent_at } : {}),
  }
}

/** The answer said that the token was not spent: it may be sent again. */
export async function releaseToken(db: Queryable, token: SpentToken): Promise<void> {
  const { numDeletedRows } = await db
    .deleteFrom('spent_token')
    .where(ownedBy(token))
    .where('rotated_at', 'is', null)
    .where(sql<boolean>`refused = '{}'`)
    .executeTakeFirst()
  if (numDeletedRows > 0n) return
  await settle(db, token, false)
}

/** The token was refused, and may have been spent by somebody before: in this way it is not sent again. */
export async function refuseToken(db: Queryable, token: SpentToken): Promise<void> {
  await settle(db, token, true)
}

async function settle(db: Queryable, token: SpentToken, refused: boolean): Promise<void> {
  await sql`
    update spent_token set sent_at = null, refused = case when ${refused}::boolean then array_append(refused, ${token.way}::text) else refused end
    where ${ownedBy(token)} and sent_at is not null and rotated_at is null
  `.execute(db)
}

/** The answer had a successor: this one is spent. */
export async function spendToken(db: Queryable, token: SpentToken, at: Temporal.Instant): Promise<void> {
  await sql`update spent_token set rotated_at = ${at.toString()}::timestamptz where ${ownedBy(token)}`.execute(db)
}

/** What one has written down itself: nobody settles the message of another one. */
function ownedBy({ fingerprint, credentialId, systemId }: SpentToken) {
  const whose =
    credentialId === null
      ? sql`credential_id is null and system_id = ${systemId}::uuid`
      : sql`credential_id = ${credentialId}::uuid`
  return sql<boolean>`(fingerprint = ${fingerprint}::text and ${whose})`
}

/** The sealed successor of a token, and the credential as it was when its predecessor was opened. */
export interface Successor {
  credentialId: string
  origin: string
  /** `credential.fingerprint`: names the secret that was registered, and with it the family of all its successors. */
  registered: string
  sealed: Uint8Array
  dataKeyId: string
  dates: { expiresAt: Temporal.Instant | undefined }
}

/**
 * Puts a successor in the place of its predecessor. The credential keeps the fingerprint of what was registered, so that the same file
 * imported again changes nothing. False: another secret was registered meanwhile, or it was retired or moved; nothing is kept then.
 */
export async function putSuccessor(tx: Queryable, of: Successor, token: SpentToken, at: Temporal.Instant): Promise<boolean> {
  const when = sql`${at.toString()}::timestamptz`
  await spendToken(tx, token, at)
  const { rows } = await sql<{ kept: boolean }>`
    update secret s set sealed = ${of.sealed}, data_key_id = ${of.dataKeyId}::uuid,
      expires_at = ${of.dates.expiresAt?.toString() ?? null}::timestamptz, updated_at = ${when}
    from credential k
    where s.credential_id = ${of.credentialId}::uuid and s.sealed is not null and s.origin = ${of.origin}
      and k.id = s.credential_id and k.fingerprint = ${of.registered} and k.retired_at is null
    returning true as kept
  `.execute(tx)
  return rows.length > 0
}

/** True where an answer has disproved what a target says of its server: whichever system it came to, since the belief names the server. */
export async function isDisproved(db: Queryable, belief: string): Promise<boolean> {
  const row = await db.selectFrom('system').select('id').where(sql<boolean>`${belief}::text = any(disproved)`).executeTakeFirst()
  return row !== undefined
}

/** Keeps for all replicas and systems, and over restarts, that it is not so. */
export async function disprove(db: Queryable, systemId: string, belief: string): Promise<void> {
  await sql`
    update system set disproved = array_append(disproved, ${belief}::text)
    where id = ${systemId}::uuid and not ${belief}::text = any(disproved)
  `.execute(db)
}
