import { trustOf } from '../src/probe/http-target.ts'
import { madeUpToken } from '../src/probe/made-up.ts'
import type { Answer, AttemptContext, Probe } from '../src/probe/probe.ts'
import type { Judge } from '../src/probe/rules.ts'
import { judgeClient, judgeIntrospection, judgeRevocation, judgeUserinfo } from './oauth/judge.ts'
import { ask, askNobody, type ClientProof, readClient, secretsOf } from './oauth/library.ts'
import { askScope, redeem, unasked } from './oauth/refresh.ts'
import { riskOf } from './oauth/risk.ts'
import { clientIn, decoyOf, formOf, isAccessToken, isRefreshToken, type Secret, secretSchema } from './oauth/secret.ts'
import { serverOf } from './oauth/server.ts'
import { alsoReaches, effectsAt, originOf, type Target, targetSchema, transportAt } from './oauth/target.ts'

/**
 * Authorization servers of OAuth 2.0 and OpenID Connect: access tokens (introspection, else userinfo), refresh tokens (introspection, a
 * scope that the server refuses, or redemption), client secrets and private keys (by a made-up token, or a token of their own). One
 * request an attempt; before the first, the server's metadata. `openid-client` builds and signs the requests, our own rules judge.
 */
export const oauth: Probe<Target, Secret> = {
  kind: 'oauth',
  summary: 'OAuth 2.0 and OpenID Connect servers: access and refresh tokens, client secrets, private_key_jwt',
  target: targetSchema,
  secret: secretSchema,
  effects: ['prolongs-life', 'rotates-token', 'mints-session'],
  effectsAt,
  origin: originOf,
  alsoReaches,
  transport: transportAt,
  http: trustOf,
  account: () => undefined,
  form: formOf,
  risk: riskOf,
  decoy: decoyOf,
  attempt,
}

function attempt(target: Target, secret: Secret, ctx: AttemptContext): Promise<Answer<Secret>> {
  if (isAccessToken(secret)) {
    return target.introspect === undefined
      ? askUserinfo(target, secret.accessToken, ctx)
      : askIntrospection(target, secret.accessToken, 'access_token', ctx)
  }
  if (!isRefreshToken(secret)) {
    const client = clientIn(secret)
    return client === undefined ? askUserinfo(target, undefined, ctx) : askAsClient(target, client, ctx)
  }
  if (target.introspect?.refreshTokens === true) return askIntrospection(target, secret.refreshToken, 'refresh_token', ctx)
  if (target.unregisteredScope !== undefined) return askScope(target, target.unregisteredScope, secret, ctx)
  if (target.redeem !== undefined) return redeem(target, secret, ctx)
  // What could change the token is never asked unbidden.
  return Promise.resolve(unasked({ missing: 'introspect' }))
}

const introspectionJudges = new WeakMap<Target, Judge>()
const userinfoJudges = new WeakMap<Target, Judge>()

async function askUserinfo(target: Target, token: string | undefined, ctx: AttemptContext): Promise<Answer<Secret>> {
  const found = await serverOf(target, 'userinfo', ctx)
  if (found.server === undefined) return found.refused
  const judge = judgeOnce(userinfoJudges, target, judgeUserinfo)
  if (token === undefined) return unshown(judge(await askNobody(ctx, found.url), []))
  const answer = await ask(ctx, found.server, { client: { id: 'revenant' }, at: target }, (library, config) =>
    library.fetchUserInfo(config, token, library.skipSubjectCheck),
  )
  return judge(answer, [token])
}

/** Shown no token, some servers call the request wrong (400) and not unauthenticated: that refuses nobody just as well. */
function unshown(judged: Answer<Secret>): Answer<Secret> {
  return judged.reason === 'client_error' ? { ...judged, reason: 'not_authenticated' } : judged
}

async function askIntrospection(
  target: Target,
  token: string,
  hint: 'access_token' | 'refresh_token',
  ctx: AttemptContext,
): Promise<Answer<Secret>> {
  if (target.introspect === undefined) return unasked({ missing: 'introspect' })
  const found = await serverOf(target, 'introspection', ctx)
  if (found.server === undefined) return found.refused
  const client = await readClient(target.introspect, ctx)
  const answer = await ask(ctx, found.server, { client, at: target }, (library, config) =>
    library.tokenIntrospection(config, token, { token_type_hint: hint }),
  )
  return judgeOnce(introspectionJudges, target, judgeIntrospection)(answer, [token, ...secretsOf(client)])
}

function judgeOnce(judges: WeakMap<Target, Judge>, target: Target, make: (principal?: string) => Judge): Judge {
  const judge = judges.get(target) ?? make(target.principal)
  judges.set(target, judge)
  return judge
}

async function askAsClient(target: Target, client: ClientProof, ctx: AttemptContext): Promise<Answer<Secret>> {
  const { clients } = target
  const found = await serverOf(target, clients === 'revocation' ? 'revocation' : 'token', ctx)
  if (found.server === undefined) return found.refused
  // Nobody holds it: there is nothing to redeem and nothing to revoke.
  const token = madeUpToken('rt_')
  const answer = await ask(ctx, found.server, { client, at: target }, (library, config) => {
    if (clients === 'revocation') return library.tokenRevocation(config, token)
    return clients === 'client_credentials' ? library.clientCredentialsGrant(config) : library.refreshTokenGrant(config, token)
  })
  return (clients === 'revocation' ? judgeRevocation : judgeClient)(answer, secretsOf(client))
}
