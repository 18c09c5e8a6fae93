import type { Role } from '../../domain/access.ts'
import { newId } from '../../domain/id.ts'
import { audit } from '../../store/audit.ts'
import type { Db } from '../../store/db.ts'
import { type Away, anyAway } from '../../store/leaver.ts'
import { insertSignInLink, takeSignInLink } from '../../store/sign-in-link.ts'
import { transact } from '../../store/transact.ts'
import type { Client } from './client.ts'
import { digestOf, isCode, newCode } from './opaque.ts'
import { type OpenedSession, openSession, refusal, refuseHasty, refuseInClear, type SessionDeps } from './session.ts'

/** How long a link is good for. */
export const LINK_MINUTES = 15

export interface SignInLink {
  url: string
  expiresAt: Temporal.Instant
}

/**
 * Makes a link that signs one person in, once. The code stands in the fragment: no server and no proxy logs it, no referrer has it.
 *
 * @param of `by`: who asks for it, in the audit's words. `email`: of whom it is for; the session is then named so, and ends when he leaves
 * @param page where the page is
 */
export async function makeSignInLink(
  db: Db,
  of: { role: Role; email?: string; by: string },
  page: string,
  now: Temporal.Instant,
): Promise<SignInLink> {
  const { role, email, by } = of
  const [id, code] = [newId(), newCode()]
  const expiresAt = now.add({ minutes: LINK_MINUTES })
  await transact(db, async (tx) => {
    await insertSignInLink(tx, { id, digest: digestOf(code), role, email: email ?? null, createdBy: by, expiresAt }, now)
    const detail = { role, ...(email === undefined ? {} : { email }), expires: expiresAt.toString() }
    await audit(tx, { actor: by, action: 'link.create', subject: id, detail, at: now })
  })
  return { url: `${new URL('/', page).href}#/sign-in?code=${code}`, expiresAt }
}

/** Trades the code of a link for a session. Throws a `Problem` for one that is unknown, used or too old, and for whoever has left or is suspended. */
export async function useSignInLink(code: string, client: Client, deps: SessionDeps): Promise<OpenedSession> {
  refuseInClear(client, deps)
  // What is right is right, however many wrong ones came from its address.
  const opened = isCode(code) ? await transact(deps.db, (tx) => trade(tx, code, client, deps)) : undefined
  if (opened === undefined || 'away' in opened) refuseHasty(client, deps)
  if (opened === undefined) throw await refusal({ via: 'link', because: 'unknown_code' }, client, deps)
  if ('away' in opened) throw await refusal({ via: 'link', actor: opened.of, because: opened.away }, client, deps)
  return opened
}

async function trade(
  tx: Parameters<typeof openSession>[0],
  code: string,
  client: Client,
  deps: SessionDeps,
): Promise<OpenedSession | { of: string; away: Away } | undefined> {
  const link = await takeSignInLink(tx, digestOf(code), deps.now())
  if (link === undefined) return undefined
  const { id, role, email, created_by } = link
  const bearers = email === null ? [] : [email]
  const away = await anyAway(tx, bearers, deps.now())
  if (email !== null && away !== undefined) return { of: email, away }
  const detail = { link: id, by: created_by }
  return openSession(tx, { actor: email ?? 'link', role, via: 'link', bearers, detail }, client, deps)
}
