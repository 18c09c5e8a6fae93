import { z } from 'zod'
import { apiTokenId, makeApiToken, revokeApiToken, tokenState } from '../api/access/api-token.ts'
import { pageUrl } from '../api/access/page-url.ts'
import { makeSignInLink } from '../api/access/sign-in-link.ts'
import { name as tokenName } from '../config/scalar.ts'
import { ROLES } from '../domain/access.ts'
import { RevenantError } from '../domain/error.ts'
import { listApiTokens } from '../store/api-token.ts'
import { type CommandContext, operator, withRuntime } from './context.ts'
import { done, EXIT, json, line } from './io.ts'
import { table } from './table.ts'

const role = z.enum(ROLES)
/** More tokens than anybody should have. */
const MOST_TOKENS = 1_000

/** `revenant access link`: signs one person in. */
export async function link(context: CommandContext, options: { role: string; email?: string; json: boolean }): Promise<number> {
  return withRuntime(context, async ({ store, config, now }) => {
    if (!config.access.serve) throw new RevenantError('CONFLICT', 'access.serve is false: there is no page to sign in to')
    const of = {
      role: role.parse(options.role),
      by: operator(),
      ...(options.email === undefined ? {} : { email: options.email }),
    }
    const { url, expiresAt } = await makeSignInLink(store.db, of, context.page ?? pageUrl(config), now())
    const answer = { url, role: of.role, expiresAt: expiresAt.toString() }
    return done(context.io, options.json, answer, url)
  })
}

/** `revenant access tokens create`. */
export async function createToken(
  context: CommandContext,
  name: string,
  options: { role: string; days: number; owner: string; json: boolean },
): Promise<number> {
  const parsed = tokenName().safeParse(name)
  if (!parsed.success) throw new RevenantError('INPUT_INVALID', `the name ${parsed.error.issues[0]?.message ?? 'is wrong'}`)
  return withRuntime(context, async ({ store, config, now }) => {
    const { days, owner } = options
    const of = {
      name,
      role: role.parse(options.role),
      days,
      by: operator(),
      bearers: [],
      owner,
    }
    const taken = config.evidence.auditorTokens.map((each) => each.name)
    const { id, token, expiresAt } = await makeApiToken(store.db, of, taken, now())
    if (options.json) return done(context.io, true, { id, name, role: of.role, expiresAt: expiresAt.toString(), token }, '')
    context.io.err(`Good until ${expiresAt.toString()}. It is shown this once:\n`)
    line(context.io, token)
    return EXIT.ok
  })
}

/** `revenant access tokens list`. */
export async function listTokens(context: CommandContext, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async ({ store, now }) => {
    const rows = await listApiTokens(store.db, { limit: MOST_TOKENS })
    const shown = rows.map((row) => ({
      ...{ name: row.name, role: row.role, state: tokenState(row, now()), owner: row.owner, createdBy: row.created_by },
      ...{ createdAt: row.created_at.toString(), expiresAt: row.expires_at.toString(), usedAt: row.used_at?.toString() ?? null },
      ...{ endedAt: row.ended_at?.toString() ?? null, endedBy: row.ended_by },
    }))
    if (options.json) for (const each of shown) json(context.io, each)
    else if (shown.length === 0) line(context.io, 'There are no tokens.')
    else
      context.io.out(
        table(
          context.io,
          ['NAME', 'ROLE', 'STATE', 'OWNER', 'EXPIRES', 'LAST USED'],
          shown.map((each) => [each.name, each.role, each.state, each.owner ?? '', each.expiresAt, each.usedAt ?? 'never']),
        ),
      )
    return EXIT.ok
  })
}

/** `revenant access tokens revoke`. */
export async function revokeToken(context: CommandContext, name: string, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async ({ store, now }) => {
    const id = await apiTokenId(store.db, name)
    await revokeApiToken(store.db, id, operator(), now())
    return done(context.io, options.json, { id, name, revoked: true }, `${name} is revoked.`)
  })
}
