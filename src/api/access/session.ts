import type { Transaction } from 'kysely'
import type { Actor, Role } from '../../domain/access.ts'
import { newId } from '../../domain/id.ts'
import { isLoopback } from '../../domain/loopback.ts'
import { audit } from '../../store/audit.ts'
import type { Away } from '../../store/leaver.ts'
import { recordLook } from '../../store/looks.ts'
import { endSession, insertSession } from '../../store/session.ts'
import type { Tables } from '../../store/tables.ts'
import { transact } from '../../store/transact.ts'
import type { ApiDeps } from '../deps.ts'
import { Problem, type ProblemCode } from '../problem.ts'
import { networkOf } from '../throttle.ts'
import type { Credential } from './access.ts'
import { tooMany } from './authenticate.ts'
import type { Client } from './client.ts'
import { csrfOf, digestOf, newOpaque } from './opaque.ts'

export type SessionDeps = Pick<ApiDeps, 'db' | 'config' | 'now' | 'access'>

/** Who is to be signed in. */
export interface SignIn {
  actor: string
  role: Role
  via: 'link' | 'oidc'
  /** E-mail addresses and external ids. */
  bearers: readonly string[]
  /** For the audit. */
  detail: Record<string, unknown>
}

export interface OpenedSession {
  caller: Actor & { credential: Credential }
  /** The Set-Cookie header. */
  cookie: string
}

/** Opens a session, in the caller's transaction: what its cookie holds is known to nobody else, its digest to the database. */
export async function openSession(
  tx: Transaction<Tables>,
  signIn: SignIn,
  client: Client,
  { config, now }: SessionDeps,
): Promise<OpenedSession> {
  const { actor, role, via, bearers, detail } = signIn
  const at = now()
  const { longestMs } = config().access.sessions
  const [id, value] = [newId(), newOpaque()]
  const expiresAt = at.add({ milliseconds: longestMs })
  const known = { address: client.address, agent: client.agent ?? null }
  await insertSession(tx, { id, digest: digestOf(value), actor, role, via, bearers, ...known, expiresAt }, at)
  await audit(tx, { actor, action: 'session.open', subject: id, detail: { role, via, address: client.address, ...detail }, at })
  return {
    caller: {
      ...{ name: actor, role, via: 'session' },
      credential: { kind: 'session', id, bearers, expiresAt, csrf: csrfOf(value), by: via },
    },
    cookie: client.setCookie('session', value, { sameSite: 'strict', maxAgeS: Math.floor(longestMs / 1_000) }),
  }
}

/** Ends a session; false where it is over already. @param by who ends it, in the audit's words */
export async function closeSession(id: string, by: string, { db, now }: Pick<ApiDeps, 'db' | 'now'>): Promise<boolean> {
  return transact(db, async (tx) => {
    const ended = await endSession(tx, id, by, now())
    if (ended !== undefined)
      await audit(tx, { actor: by, action: 'session.end', subject: id, detail: { of: ended.actor }, at: now() })
    return ended !== undefined
  })
}

/** Throws 429 for an address from which too many tries came that were wrong. */
export function refuseHasty({ address }: Client, { access }: Pick<ApiDeps, 'access'>): void {
  const waitMs = access.throttle.waitMs(address)
  if (waitMs > 0) throw tooMany(waitMs)
}

/**
 * Throws for a sign-in in clear where sessions are meant to be kept from being read on the way: by a public address that is https, or by a
 * declared proxy that the request did not come through. From this machine itself, where no public address is said, it may.
 */
export function refuseInClear(
  { secure, address }: Pick<Client, 'secure' | 'address'>,
  { config }: Pick<ApiDeps, 'config'>,
): void {
  const { publicUrl, access } = config()
  const isPublic = publicUrl !== undefined && new URL(publicUrl).protocol === 'https:'
  if (secure || !(isPublic || (access.proxy !== undefined && !isLoopback(address)))) return
  throw new Problem(
    403,
    'Sign in over HTTPS, at the address that publicUrl names. A proxy must say so with X-Forwarded-Proto, and be named in access.proxy.trust.',
    undefined,
    { code: 'INSECURE' },
  )
}

/** Why somebody was not signed in, for the audit. */
export type Refusal = 'unknown_code' | Away | 'no_role' | 'provider'

/** Counts and records a sign-in that is refused, once an hour for each address, and answers the problem to throw. */
export async function refusal(
  tried: { via: SignIn['via']; actor?: string; because: Refusal; detail?: Record<string, unknown> },
  client: Client,
  { db, now, access }: SessionDeps,
): Promise<Problem> {
  const { via, because, actor = 'nobody', detail = {} } = tried
  access.throttle.failed(client.address)
  const subject = `${via} ${because} ${networkOf(client.address)}`
  await recordLook(db, { actor, action: 'session.refuse', subject, detail, at: now() })
  const { status, code, words } = REFUSALS[because]
  return new Problem(status, words, undefined, { code })
}

const REFUSALS: Readonly<Record<Refusal, { status: 401 | 403; code: ProblemCode; words: string }>> = {
  unknown_code: {
    status: 401,
    code: 'SIGN_IN_REFUSED',
    words: 'This link was used or is too old. `revenant access link` prints another.',
  },
  terminated: { status: 403, code: 'SIGN_IN_REFUSED', words: 'Whoever this is has left.' },
  suspended: { status: 403, code: 'SIGN_IN_REFUSED', words: 'Whoever this is is suspended.' },
  no_role: {
    status: 403,
    code: 'NO_ROLE',
    words: 'You are known, but may do nothing here: access.oidc.roles of the configuration gives you no role.',
  },
  provider: {
    status: 403,
    code: 'SIGN_IN_REFUSED',
    words: 'The provider did not sign you in, or what it said does not fit what was asked. Start again.',
  },
}
