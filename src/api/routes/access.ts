import { z } from 'zod'
import { type Actor, may, PERMISSIONS } from '../../domain/access.ts'
import { toMs } from '../../domain/facts/instant.ts'
import { type ApiTokenRow, listApiTokens } from '../../store/api-token.ts'
import { listSessions } from '../../store/session.ts'
import type { Credential } from '../access/access.ts'
import { makeApiToken, revokeApiToken, tokenState } from '../access/api-token.ts'
import { SIGN_OUT } from '../access/client.ts'
import { endOidc, finishOidc, startOidc } from '../access/oidc-sign-in.ts'
import { closeSession } from '../access/session.ts'
import { useSignInLink } from '../access/sign-in-link.ts'
import { Problem } from '../problem.ts'
import { NONE, NOTHING, type Route, route } from '../route.ts'
import {
  callbackQuery,
  type SessionAnswer,
  sessionAnswer,
  sessionsAnswer,
  signInAnswer,
  signInBody,
  type TokenItem,
  tokenAnswer,
  tokenBody,
  tokensAnswer,
} from '../schemas/access.ts'

const byId = z.strictObject({ id: z.uuid({ error: 'must be an id' }) })
const page = z.strictObject({
  limit: z
    .string()
    .regex(/^[1-9]\d{0,2}$/, { error: 'must be 1 to 500' })
    .transform(Number)
    .pipe(z.int().max(500, { error: 'must be 1 to 500' }))
    .default(50)
    .describe('How many, 1 to 500'),
  cursor: z.uuid({ error: 'must be what `next` gave' }).exactOptional().describe('What `next` of the page before says'),
})

/** Signing in and out, and what administrators see of it. */
export const ACCESS_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/sign-in',
    id: 'listSignIns',
    tag: 'access',
    summary: 'Which ways to sign in there are, beside the one-time link',
    permission: 'anybody',
    params: NOTHING,
    query: NOTHING,
    body: NONE,
    answer: signInAnswer,
    handle: async ({ deps }) => ({ body: { oidc: deps.access.oidc() !== undefined } }),
  }),
  route({
    method: 'GET',
    path: '/v1/sign-in/oidc',
    id: 'startOidc',
    tag: 'access',
    summary: 'Sends the browser to the provider',
    permission: 'anybody',
    params: NOTHING,
    query: NOTHING,
    body: NONE,
    answer: NONE,
    type: 'text/html',
    status: 303,
    handle: async ({ client, deps }) => startOidc(client, deps),
  }),
  route({
    method: 'GET',
    path: '/v1/sign-in/oidc/callback',
    id: 'finishOidc',
    tag: 'access',
    summary: 'Where the provider sends the browser back to: signs it in and leads to the page',
    permission: 'anybody',
    params: NOTHING,
    query: callbackQuery,
    body: NONE,
    answer: NONE,
    type: 'text/html',
    status: 303,
    handle: async ({ client, deps, search }) => {
      return { redirect: '/', cookies: (await finishOidc(search, client, deps)).cookies }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/session',
    id: 'signIn',
    tag: 'access',
    summary: 'Sign in with the code of a one-time link. Sets the cookie of the session',
    permission: 'anybody',
    params: NOTHING,
    query: NOTHING,
    body: signInBody,
    answer: sessionAnswer,
    status: 201,
    handle: async ({ client, deps }, { body: { code } }) => {
      const { caller, cookie } = await useSignInLink(code, client, deps)
      return { body: sessionOf(caller), cookies: [cookie] }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/session',
    id: 'getSession',
    tag: 'access',
    summary: 'Who asks, what he may do, and the CSRF token of his session',
    permission: 'read',
    params: NOTHING,
    query: NOTHING,
    body: NONE,
    answer: sessionAnswer,
    handle: async ({ actor, credential }) => {
      if (credential === undefined) throw new Problem(404, 'There is no session.')
      return { body: sessionOf({ ...actor, credential }) }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/session',
    id: 'signOut',
    tag: 'access',
    summary: 'Sign out: the session ends and its cookie is taken away',
    permission: 'read',
    params: NOTHING,
    query: NOTHING,
    body: NONE,
    answer: NONE,
    status: 204,
    handle: async ({ actor, client, credential, deps }) => {
      if (credential?.kind !== 'session') throw new Problem(409, 'A token has no session: revoke it instead.')
      await closeSession(credential.id, actor.name, deps)
      return { body: undefined, cookies: [client.setCookie('session', undefined, { sameSite: 'strict', maxAgeS: 0 })] }
    },
  }),
  route({
    method: 'GET',
    path: SIGN_OUT,
    id: 'endOidc',
    tag: 'access',
    summary:
      'Sends a browser that has signed out to where it signs out of the provider too; to the page where there is no such place',
    permission: 'anybody',
    params: NOTHING,
    query: NOTHING,
    body: NONE,
    answer: NONE,
    type: 'text/html',
    status: 303,
    handle: async ({ client, deps }) => endOidc(client, deps),
  }),
  route({
    method: 'GET',
    path: '/v1/sessions',
    id: 'listSessions',
    tag: 'access',
    summary: 'Who is signed in, the newest first',
    permission: 'administer',
    params: NOTHING,
    query: page,
    body: NONE,
    answer: sessionsAnswer,
    handle: async ({ credential, deps }, { query: { limit, cursor } }) => {
      const now = deps.now()
      const idleSince = now.subtract({ milliseconds: deps.config().access.sessions.idleMs })
      const asked = { ...(cursor === undefined ? {} : { before: cursor }), limit: limit + 1, idleSince }
      const rows = await listSessions(deps.db, asked, now)
      const items = rows
        .slice(0, limit)
        .map(({ id, actor, role, via, bearers, address, agent, created_at, seen_at, expires_at }) => ({
          ...{ id, actor, role, via, address, agent },
          ...{ createdAt: created_at.toString(), seenAt: seen_at.toString(), expiresAt: expires_at.toString() },
          own: credential?.id === id,
          tied: bearers.length > 0,
        }))
      return paged(items, rows.length > limit)
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/sessions/{id}',
    id: 'endSession',
    tag: 'access',
    summary: 'End a session: whoever has it is signed out at once',
    permission: 'administer',
    params: byId,
    query: NOTHING,
    body: NONE,
    answer: NONE,
    status: 204,
    handle: async ({ actor, deps }, { params: { id } }) => {
      if (!(await closeSession(id, actor.name, deps))) throw new Problem(404, 'There is no session of this id that lives.')
      return { body: undefined }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/tokens',
    id: 'listTokens',
    tag: 'access',
    summary: 'The API tokens, the newest first, revoked and expired ones included; never the tokens themselves',
    permission: 'administer',
    params: NOTHING,
    query: page,
    body: NONE,
    answer: tokensAnswer,
    handle: async ({ deps }, { query: { limit, cursor } }) => {
      const asked = { ...(cursor === undefined ? {} : { before: cursor }), limit: limit + 1 }
      const rows = await listApiTokens(deps.db, asked)
      return paged(
        rows.slice(0, limit).map((row) => tokenOf(row, deps.now())),
        rows.length > limit,
      )
    },
  }),
  route({
    method: 'POST',
    path: '/v1/tokens',
    id: 'createToken',
    tag: 'access',
    summary: 'Make an API token. It is shown in this answer and never again',
    permission: 'administer',
    params: NOTHING,
    query: NOTHING,
    body: tokenBody,
    answer: tokenAnswer,
    status: 201,
    handle: async ({ actor, credential, deps }, { body }) => {
      const now = toMs(deps.now())
      const { id, token, expiresAt } = await makeApiToken(
        deps.db,
        { ...body, by: actor.name, bearers: credential?.bearers ?? [] },
        deps.config().evidence.auditorTokens.map(({ name }) => name),
        now,
      )
      const made = {
        id,
        name: body.name,
        role: body.role,
        owner: body.owner ?? null,
        createdBy: actor.name,
        state: 'live',
        tied: true,
      } as const
      const times = { createdAt: now.toString(), expiresAt: expiresAt.toString(), usedAt: null, endedAt: null, endedBy: null }
      return { body: { ...made, ...times, token }, location: `/v1/tokens/${id}`, once: true }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/tokens/{id}',
    id: 'revokeToken',
    tag: 'access',
    summary: 'Revoke an API token: it opens nothing from now on',
    permission: 'administer',
    params: byId,
    query: NOTHING,
    body: NONE,
    answer: NONE,
    status: 204,
    handle: async ({ actor, deps }, { params: { id } }) => {
      if (!(await revokeApiToken(deps.db, id, actor.name, deps.now())))
        throw new Problem(404, 'There is no token of this id that lives.')
      return { body: undefined }
    },
  }),
]

function sessionOf({ name, role, via, credential }: Actor & { credential: Credential }): SessionAnswer {
  return {
    actor: name,
    role,
    permissions: PERMISSIONS.filter((permission) => may(role, permission)),
    via,
    csrf: credential.csrf ?? null,
    provider: credential.by === 'oidc',
    expiresAt: credential.expiresAt.toString(),
  }
}

function tokenOf(row: ApiTokenRow, now: Temporal.Instant): TokenItem {
  const { id, name, role, owner, bearers, created_at, created_by, expires_at, used_at, ended_at, ended_by } = row
  return {
    ...{ id, name, role, owner, createdBy: created_by, state: tokenState(row, now), endedBy: ended_by, tied: bearers.length > 0 },
    ...{ createdAt: created_at.toString(), expiresAt: expires_at.toString() },
    ...{ usedAt: used_at?.toString() ?? null, endedAt: ended_at?.toString() ?? null },
  }
}

function paged<Item extends { id: string }>(
  items: Item[],
  more: boolean,
): { body: { items: Item[]; next: string | null }; next?: string } {
  const next = more ? items.at(-1)?.id : undefined
  return { body: { items, next: next ?? null }, ...(next === undefined ? {} : { next }) }
}
