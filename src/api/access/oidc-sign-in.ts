import { z } from 'zod'
import { errorCode, RevenantError, toError } from '../../domain/error.ts'
import { anyLeft } from '../../store/leaver.ts'
import { transact } from '../../store/transact.ts'
import type { ApiDeps } from '../deps.ts'
import { Problem } from '../problem.ts'
import { publicOrigin } from './authenticate.ts'
import type { Client } from './client.ts'
import type { Oidc, OidcPerson } from './oidc.ts'
import { type OpenedSession, openSession, refusal, refuseHasty, type SessionDeps } from './session.ts'

export const CALLBACK = '/v1/sign-in/oidc/callback'

/** How long a sign-in at the provider may take. */
const START_S = 600
const LAX = { sameSite: 'lax', maxAgeS: START_S } as const

const remembered = z.strictObject({ state: z.string(), nonce: z.string(), verifier: z.string() })

type Deps = SessionDeps & Pick<ApiDeps, 'logger'>

/** Sends a browser to the provider. */
export async function startOidc(client: Client, deps: Deps): Promise<{ redirect: string; cookies: string[] }> {
  refuseHasty(client, deps)
  const started = await oidcOf(deps)
    .start(redirectUri(client, deps))
    .catch((error: unknown) => unavailable(error, deps))
  const value = Buffer.from(JSON.stringify(started.remember)).toString('base64url')
  return { redirect: started.url, cookies: [client.setCookie('oidc', value, LAX)] }
}

/**
 * Signs in whoever comes back from the provider. Throws a `Problem` where what he brings does not fit how this browser was sent there,
 * where the provider says no, where no role is his, and for whoever has left.
 *
 * @param query as it came
 */
export async function finishOidc(query: string, client: Client, deps: Deps): Promise<OpenedSession & { forget: string }> {
  refuseHasty(client, deps)
  const provider = oidcOf(deps)
  const start = startIn(client.cookie('oidc'))
  if (start === undefined) throw await refusal({ via: 'oidc', because: 'provider', detail: { error: 'no_start' } }, client, deps)
  const url = new URL(redirectUri(client, deps))
  url.search = query
  const person = await provider.finish(url, start).catch(async (error: unknown) => {
    if (isUnreachable(error)) return unavailable(error, deps)
    deps.logger.warn({ err: toError(error) }, 'a sign-in with the provider failed')
    throw await refusal({ via: 'oidc', because: 'provider', detail: { error: errorCode(error) ?? 'unknown' } }, client, deps)
  })
  return { ...(await signIn(person, client, deps)), forget: client.setCookie('oidc', undefined, LAX) }
}

async function signIn({ name, role, bearers, subject }: OidcPerson, client: Client, deps: Deps): Promise<OpenedSession> {
  const detail = { subject }
  if (role === undefined) throw await refusal({ via: 'oidc', actor: name, because: 'no_role', detail }, client, deps)
  if (await anyLeft(deps.db, bearers, deps.now()))
    throw await refusal({ via: 'oidc', actor: name, because: 'terminated', detail }, client, deps)
  return transact(deps.db, (tx) => openSession(tx, { actor: name, role, via: 'oidc', bearers, detail }, client, deps))
}

function oidcOf({ access }: Deps): Oidc {
  const found = access.oidc()
  if (found === undefined) throw new Problem(404, 'The configuration names no provider: access.oidc.')
  return found
}

/** Where the provider sends the browser back to: the address that people know, or the one that this browser uses. */
function redirectUri(client: Client, deps: Deps): string {
  return new URL(CALLBACK, publicOrigin(deps)[0] ?? client.origin).href
}

function startIn(cookie: string | undefined): z.infer<typeof remembered> | undefined {
  if (cookie === undefined) return undefined
  try {
    return remembered.safeParse(JSON.parse(Buffer.from(cookie, 'base64url').toString('utf8'))).data
  } catch {
    return undefined
  }
}

/** Codes of `openid-client` and of Node.js for a provider that did not answer as one. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  ...['OAUTH_TIMEOUT', 'OAUTH_ABORT', 'OAUTH_RESPONSE_IS_NOT_CONFORM', 'OAUTH_RESPONSE_IS_NOT_JSON', 'OAUTH_PARSE_ERROR'],
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_SOCKET'],
])

function isUnreachable(error: unknown): boolean {
  return error instanceof RevenantError || UNREACHABLE.has(errorCode(error) ?? '') || toError(error).message === 'fetch failed'
}

function unavailable(error: unknown, { logger }: Deps): never {
  logger.error({ err: toError(error) }, 'the sign-in provider does not answer as it should')
  throw new Problem(503, 'The sign-in provider does not answer: the log says why. `revenant access link` signs in without it.')
}
