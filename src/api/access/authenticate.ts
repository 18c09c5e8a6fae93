import type { FastifyRequest } from 'fastify'
import { endApiToken, findApiToken, touchApiToken } from '../../store/api-token.ts'
import { audit } from '../../store/audit.ts'
import type { Away } from '../../store/leaver.ts'
import { endSession, findSession, touchSession } from '../../store/session.ts'
import { transact } from '../../store/transact.ts'
import type { ApiDeps } from '../deps.ts'
import { Problem } from '../problem.ts'
import type { Caller } from './access.ts'
import { clientOf } from './client.ts'
import { csrfOf, digestOf, isOpaque, isSame, TOKEN_PREFIX } from './opaque.ts'
import { isSafe, isSameOrigin } from './same-origin.ts'

export type AuthenticateDeps = Pick<ApiDeps, 'db' | 'config' | 'now' | 'instance' | 'access'>

/** @param again asks only whether it still holds: is no use, counts as no try, and needs no CSRF token */
export type Authenticate = (request: FastifyRequest, again?: boolean) => Promise<Caller | undefined>

/**
 * Tells who asks: by a token in `Authorization: Bearer`, else by the session's cookie; undefined for nobody, and for one whose session
 * is over. Whoever has left or is suspended is nobody, and what he held is revoked in this moment. Throws a `Problem` for a wrong token (401), too many
 * of them (429) and a session's change without its CSRF token (403). A good token is heard however many wrong ones come from its address.
 */
export function openAuthenticate(deps: AuthenticateDeps): Authenticate {
  return async (request, again = false) => {
    const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1]
    if (bearer !== undefined) return byToken(bearer, request, deps, again)
    const client = clientOf(request)
    const cookie = client.cookie('session')
    if (cookie === undefined || !isOpaque(cookie)) return undefined
    // A page elsewhere may make a browser send the cookie: that is nobody's request.
    if (!isSameOrigin(request, [client.origin, ...publicOrigin(deps)])) return undefined
    const caller = await bySession(cookie, deps, again)
    if (caller === undefined || again || isSafe(request.method)) return caller
    const given = request.headers['x-csrf-token']
    if (typeof given === 'string' && isSame(given, csrfOf(cookie))) return caller
    throw new Problem(403, 'Send the header X-CSRF-Token with what GET /v1/session gives as csrf.', undefined, { code: 'CSRF' })
  }
}

/** The origin that the configuration names. */
export function publicOrigin({ config }: Pick<ApiDeps, 'config'>): string[] {
  const { publicUrl } = config()
  return publicUrl === undefined ? [] : [new URL(publicUrl).origin]
}

export const CHALLENGE = 'Bearer realm="revenant"'

async function byToken(
  token: string,
  request: FastifyRequest,
  deps: AuthenticateDeps,
  again: boolean,
): Promise<Caller | undefined> {
  const now = deps.now()
  const row = isOpaque(token, TOKEN_PREFIX) ? await findApiToken(deps.db, digestOf(token), now) : undefined
  const away = row?.away ?? undefined
  if (row !== undefined && away !== undefined && row.ended_at === null) await endToken(row.id, away, deps)
  if (row === undefined || away !== undefined || row.ended_at !== null || Temporal.Instant.compare(row.expires_at, now) <= 0) {
    if (again) return undefined
    const { tokens } = deps.access
    const waitMs = tokens.waitMs(request.ip)
    if (waitMs > 0) throw tooMany(waitMs)
    tokens.failed(request.ip)
    throw new Problem(401, 'This token is unknown, revoked or expired.', undefined, {
      code: 'SIGN_IN_NEEDED',
      headers: { 'www-authenticate': `${CHALLENGE}, error="invalid_token"` },
    })
  }
  if (!again) await touchApiToken(deps.db, row, now)
  const { id, name, role, bearers, expires_at } = row
  return { name: `token:${name}`, role, via: 'token', credential: { kind: 'token', id, bearers, expiresAt: expires_at } }
}

export function tooMany(waitMs: number): Problem {
  return new Problem(429, 'Too many wrong tokens or codes came from this address.', undefined, {
    code: 'TOO_MANY',
    headers: { 'retry-after': String(Math.ceil(waitMs / 1_000)) },
  })
}

async function bySession(cookie: string, deps: AuthenticateDeps, again: boolean): Promise<Caller | undefined> {
  const now = deps.now()
  const row = await findSession(deps.db, digestOf(cookie), now)
  if (row === undefined || row.ended_at !== null) return undefined
  if (row.away !== null) {
    await endOwn(row.id, row.away, deps)
    return undefined
  }
  const idleUntil = row.seen_at.add({ milliseconds: deps.config().access.sessions.idleMs })
  const [first] = [row.expires_at, idleUntil].toSorted(Temporal.Instant.compare)
  if (first === undefined || Temporal.Instant.compare(first, now) <= 0) return undefined
  if (!again) await touchSession(deps.db, row, now)
  const { id, actor, role, bearers, expires_at, via } = row
  const credential = { kind: 'session', id, bearers, expiresAt: expires_at, csrf: csrfOf(cookie), by: via } as const
  return { name: actor, role, via: 'session', credential }
}

async function endOwn(id: string, because: Away, { db, now, instance }: AuthenticateDeps): Promise<void> {
  await transact(db, async (tx) => {
    const ended = await endSession(tx, id, because, now())
    if (ended === undefined) return
    const entry = { actor: `daemon ${instance}`, action: 'session.end', subject: id, at: now() }
    await audit(tx, { ...entry, detail: { of: ended.actor, because } })
  })
}

async function endToken(id: string, because: Away, { db, now, instance }: AuthenticateDeps): Promise<void> {
  await transact(db, async (tx) => {
    const ended = await endApiToken(tx, id, because, now())
    if (ended === undefined) return
    const entry = { actor: `daemon ${instance}`, action: 'token.revoke', subject: ended.name, at: now() }
    await audit(tx, { ...entry, detail: { id, because } })
  })
}
