import { z } from 'zod'
import { errorCode, RevenantError, toError } from '../../domain/error.ts'
import { anyAway } from '../../store/leaver.ts'
import { transact } from '../../store/transact.ts'
import type { ApiDeps } from '../deps.ts'
import { Problem } from '../problem.ts'
import { publicOrigin } from './authenticate.ts'
import type { Client } from './client.ts'
import type { Oidc, OidcPerson } from './oidc.ts'
import { type OpenedSession, openSession, refusal, refuseHasty, refuseInClear, type SessionDeps } from './session.ts'

export const CALLBACK = '/v1/sign-in/oidc/callback'

/** How long a sign-in at the provider may take. */
const START_S = 600
const LAX = { sameSite: 'lax', maxAgeS: START_S } as const

const remembered = z.strictObject({ state: z.string(), nonce: z.string(), verifier: z.string() })

type Deps = SessionDeps & Pick<ApiDeps, 'logger'>

/** Sends a browser to the provider. */
export async function startOidc(client: Client, deps: Deps): Promise<{ redirect: string; cookies: string[] }> {
  refuseInClear(client, deps)
  refuseHasty(client, deps)
  const started = await oidcOf(deps)
    .start(redirectUri(client, deps))
    .catch((error: unknown) => unavailable(error, deps))
  const value = Buffer.from(JSON.stringify(started.remember)).toString('base64url')
  return { redirect: started.url, cookies: [client.setCookie('oidc', value, LAX)] }
}

/**
 * Signs in whoever comes back from the provider. Throws a `Problem` where what he brings does not fit how this browser was sent there,
 * where the provider says no, where no role is his, and for whoever has left or is suspended.
 *
 * @param query as it came
 */
export async function finishOidc(query: string, client: Client, deps: Deps): Promise<{ cookies: string[] }> {
  refuseInClear(client, deps)
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
  const { cookie } = await signIn(person, client, deps)
  return { cookies: [cookie, hintOf(person, client, deps), client.setCookie('oidc', undefined, LAX)] }
}

/** Browsers drop what is longer than 4096 bytes with its name and attributes; the provider then asks who it is. */
const LONGEST_HINT = 3_800
const STRICT = { sameSite: 'strict', maxAgeS: 0 } as const
/** The provider knows of him, and is told no more. */
const NO_HINT = '-'

/** Kept by the browser alone, for the day on which it signs out: the token opens nothing here, but it names a person. */
function hintOf({ idToken }: OidcPerson, client: Client, { config }: Deps): string {
  const maxAgeS = Math.floor(config().access.sessions.longestMs / 1_000)
  return client.setCookie('hint', idToken.length > LONGEST_HINT ? NO_HINT : idToken, { ...STRICT, maxAgeS })
}

/**
 * Sends a browser that signed out here to where it signs out of the provider; to the page where it did not sign in with the provider, the
 * provider has no such address, or does not answer: here it is signed out in any case.
 */
export async function endOidc(client: Client, deps: Deps): Promise<{ redirect: string; cookies: string[] }> {
  const [hint, provider] = [client.cookie('hint'), deps.access.oidc()]
  const cookies = [client.setCookie('hint', undefined, STRICT)]
  if (hint === undefined || provider === undefined) return { redirect: '/', cookies }
  const back = new URL('/', publicOrigin(deps)[0] ?? client.origin).href
  const away = await provider.end(hint === NO_HINT ? undefined : hint, back).catch((error: unknown) => {
    deps.logger.warn({ err: toError(error) }, 'the provider was not told of a sign-out')
    return undefined
  })
  return { redirect: away ?? '/', cookies }
}

async function signIn(person: OidcPerson, client: Client, deps: Deps): Promise<OpenedSession> {
  const { name, role, bearers, subject, roleMap } = person
  const detail = { subject }
  if (role === undefined) throw await refusal({ via: 'oidc', actor: name, because: 'no_role', detail }, client, deps)
  const away = await anyAway(deps.db, bearers, deps.now())
  if (away !== undefined) throw await refusal({ via: 'oidc', actor: name, because: away, detail }, client, deps)
  const opening = { actor: name, role, via: 'oidc', bearers, detail: { ...detail, roleMap } } as const
  return transact(deps.db, (tx) => openSession(tx, opening, client, deps))
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
