import type { Role } from '../../domain/access.ts'
import { RevenantError } from '../../domain/error.ts'
import { newId } from '../../domain/id.ts'
import { type ApiTokenRow, apiTokenNamed, endApiToken, insertApiToken } from '../../store/api-token.ts'
import { audit } from '../../store/audit.ts'
import type { Db } from '../../store/db.ts'
import { anyAway } from '../../store/leaver.ts'
import { transact } from '../../store/transact.ts'
import { digestOf, newOpaque, TOKEN_PREFIX } from './opaque.ts'

export const DEFAULT_DAYS = 90
export const MOST_DAYS = 366

export interface TokenRequest {
  /** As the audit names it: `token:NAME`. */
  name: string
  role: Role
  /** How long it is good for. */
  days: number
  /** E-mail address or external id of whoever answers for it; it dies when he leaves. Needed where its maker has no bearers. */
  owner?: string
  /** Who makes it, in the audit's words. */
  by: string
  /** E-mail addresses and external ids of whoever makes it: it dies with them too. */
  bearers: readonly string[]
}

export interface MadeToken {
  id: string
  /** Shown this once. */
  token: string
  expiresAt: Temporal.Instant
}

/**
 * Makes a token. Throws `CONFLICT` where another one has its name, `INPUT_INVALID` for one that would outlive `MOST_DAYS`, that would belong
 * to nobody, so that nobody's leaving would end it, or whose owner has left or is suspended.
 *
 * @param taken names that mean somebody else in the audit: the auditors of the configuration
 */
export async function makeApiToken(
  db: Db,
  { name, role, days, owner, by, bearers }: TokenRequest,
  taken: readonly string[],
  now: Temporal.Instant,
): Promise<MadeToken> {
  if (!Number.isInteger(days) || days < 1 || days > MOST_DAYS)
    throw new RevenantError('INPUT_INVALID', `a token is good for 1 to ${MOST_DAYS} days`)
  if (taken.includes(name)) throw new RevenantError('CONFLICT', 'evidence.auditorTokens has a token of this name')
  const [id, token] = [newId(), newOpaque(TOKEN_PREFIX)]
  const expiresAt = now.add({ hours: 24 * days })
  const all = [...new Set([...bearers, ...(owner === undefined ? [] : [owner])])]
  if (all.length === 0)
    throw new RevenantError('INPUT_INVALID', 'name an owner: e-mail address or external id of whoever answers for the token')
  await transact(db, async (tx) => {
    const away = await anyAway(tx, all, now)
    if (away !== undefined)
      throw new RevenantError('INPUT_INVALID', `the owner of this token ${away === 'terminated' ? 'has left' : 'is suspended'}`)
    const row = { id, digest: digestOf(token), name, role, owner: owner ?? null, bearers: all, createdBy: by, expiresAt }
    if (!(await insertApiToken(tx, row, now))) throw new RevenantError('CONFLICT', 'another token has this name: revoke it first')
    const detail = { id, role, ...(owner === undefined ? {} : { owner }), expires: expiresAt.toString() }
    await audit(tx, { actor: by, action: 'token.create', subject: name, detail, at: now })
  })
  return { id, token, expiresAt }
}

/** Revokes a token by its id; false where it was revoked before, or there is none. */
export async function revokeApiToken(db: Db, id: string, by: string, now: Temporal.Instant): Promise<boolean> {
  return transact(db, async (tx) => {
    const ended = await endApiToken(tx, id, by, now)
    if (ended !== undefined) await audit(tx, { actor: by, action: 'token.revoke', subject: ended.name, detail: { id }, at: now })
    return ended !== undefined
  })
}

/** The id of the token with this name that lives. Throws `NOT_FOUND`. */
export async function apiTokenId(db: Db, name: string): Promise<string> {
  const found = await apiTokenNamed(db, name)
  if (found === undefined) throw new RevenantError('NOT_FOUND', 'there is no token of this name')
  return found.id
}

/** Whether a token opens anything. */
export function tokenState({ ended_at, expires_at }: ApiTokenRow, now: Temporal.Instant): 'live' | 'revoked' | 'expired' {
  if (ended_at !== null) return 'revoked'
  return Temporal.Instant.compare(expires_at, now) > 0 ? 'live' : 'expired'
}
