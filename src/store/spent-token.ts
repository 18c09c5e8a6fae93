import { sql } from 'kysely'
import type { Queryable } from './db.ts'

/** A token that a replay may spend, and the credential that it is sent for. All fingerprints are keyed. */
export interface SpentToken {
  systemId: string
  credentialId: string
  /** Of the token alone: the same one at whichever system. */
  fingerprint: string
  /** As this system named it before migration 0016. */
  formerly: string
  /** Of where it is sent, and as whom. */
  way: string
}

/**
 * Why a token must not be sent. `unanswered`: it was sent for this credential, and no answer was kept. `spent`: it was, and has a
 * successor. `elsewhere`: another credential has sent it. `refused`: it was, in this way, and may have been spent by somebody before.
 */
export interface SpentBefore {
  token: 'unanswered' | 'spent' | 'elsewhere' | 'refused'
  /** The other credential's. */
  system?: string
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
  // Whoever sent it has been answered in between; the next trial asks again.
  return (await sentBefore(db, token)) ?? { token: 'elsewhere' }
}

/** What is known of a token that was sent before, or is on its way; undefined: nothing speaks against sending it. */
export async function sentBefore(db: Queryable, token: SpentToken): Promise<SpentBefore | undefined> {
  const row = await db
    .selectFrom('spent_token')
    .leftJoin('system', 'system.id', 'spent_token.system_id')
    .select(['spent_token.credential_id', 'spent_token.sent_at', 'spent_token.rotated_at', 'spent_token.refused', 'system.name'])
    .where('spent_token.fingerprint', 'in', [token.fingerprint, token.formerly])
    .executeTakeFirst()
  if (row === undefined) return undefined
  const other = row.credential_id === token.credentialId || row.name === null ? {} : { system: row.name }
  if (row.sent_at === null) return row.refused.includes(token.way) ? { ...other, token: 'refused' } : undefined
  if (row.credential_id !== token.credentialId) return { ...other, token: 'elsewhere' }
  return { token: row.rotated_at === null ? 'unanswered' : 'spent' }
}

/** The answer said that the token was not spent: it may be sent again. */
export async function releaseToken(db: Queryable, token: SpentToken): Promise<void> {
  const { numDeletedRows } = await db
    .deleteFrom('spent_token')
    .where('fingerprint', '=', token.fingerprint)
    .where('credential_id', '=', token.credentialId)
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
    where fingerprint = ${token.fingerprint} and credential_id = ${token.credentialId}::uuid and sent_at is not null and rotated_at is null
  `.execute(db)
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
  await sql`
    update spent_token set rotated_at = ${when}
    where fingerprint = ${token.fingerprint} and credential_id = ${token.credentialId}::uuid
  `.execute(tx)
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

/** True where an answer has disproved what the target of a system says of its server. */
export async function isDisproved(db: Queryable, systemId: string, belief: string): Promise<boolean> {
  const row = await db.selectFrom('system').select('disproved').where('id', '=', systemId).executeTakeFirst()
  return row?.disproved.includes(belief) === true
}

/** Keeps for all replicas, and over restarts, that it is not so. */
export async function disprove(db: Queryable, systemId: string, belief: string): Promise<void> {
  await sql`
    update system set disproved = array_append(disproved, ${belief}::text)
    where id = ${systemId}::uuid and not ${belief}::text = any(disproved)
  `.execute(db)
}
