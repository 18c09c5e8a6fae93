import { sql } from 'kysely'
import type { Queryable } from './db.ts'

/** A token that a replay may spend, by a keyed fingerprint of the token alone, and the credential that it is sent for. */
export interface SpentToken {
  systemId: string
  fingerprint: string
  credentialId: string
}

/**
 * Why a token must not be sent. `unanswered`: it was sent for this credential, and no answer was kept. `spent`: it was, and has a
 * successor. `elsewhere`: another credential has sent it.
 */
export type SpentBefore = 'unanswered' | 'spent' | 'elsewhere'

/**
 * Writes down that a token is about to be sent; of two that ask at once one may. To be called outside a transaction: it must be
 * committed before the message goes out. Undefined: it may be sent.
 */
export async function claimToken(db: Queryable, token: SpentToken, at: Temporal.Instant): Promise<SpentBefore | undefined> {
  const { rows } = await sql<{ claimed: boolean }>`
    insert into spent_token (system_id, fingerprint, credential_id, sent_at)
    values (${token.systemId}::uuid, ${token.fingerprint}, ${token.credentialId}::uuid, ${at.toString()}::timestamptz)
    on conflict (system_id, fingerprint) do nothing
    returning true as claimed
  `.execute(db)
  if (rows.length > 0) return undefined
  const before = await db
    .selectFrom('spent_token')
    .select(['credential_id', 'rotated_at'])
    .where('system_id', '=', token.systemId)
    .where('fingerprint', '=', token.fingerprint)
    .executeTakeFirst()
  // Whoever sent it has been answered in between; the next trial asks again.
  if (before === undefined || before.credential_id !== token.credentialId) return 'elsewhere'
  return before.rotated_at === null ? 'unanswered' : 'spent'
}

/** The answer said that the token was not spent: it may be sent again. */
export async function releaseToken(db: Queryable, token: SpentToken): Promise<void> {
  await db
    .deleteFrom('spent_token')
    .where('system_id', '=', token.systemId)
    .where('fingerprint', '=', token.fingerprint)
    .where('credential_id', '=', token.credentialId)
    .where('rotated_at', 'is', null)
    .execute()
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
export async function putSuccessor(
  tx: Queryable,
  of: Successor,
  token: SpentToken | undefined,
  at: Temporal.Instant,
): Promise<boolean> {
  const when = sql`${at.toString()}::timestamptz`
  if (token !== undefined)
    await sql`
      update spent_token set rotated_at = ${when}
      where system_id = ${token.systemId}::uuid and fingerprint = ${token.fingerprint} and credential_id = ${token.credentialId}::uuid
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
