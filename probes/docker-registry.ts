import { z } from 'zod'
import type { Judgement } from '../src/domain/answer.ts'
import { RevenantError } from '../src/domain/error.ts'
import type { Challenge } from '../src/probe/challenge.ts'
import type { Placement } from '../src/probe/classify.ts'
import { exchange } from '../src/probe/exchange.ts'
import type { HttpAnswer } from '../src/probe/http-answer.ts'
import { secretText, transportFault, transportFields, transportOf, trustOf, urlSchema } from '../src/probe/http-target.ts'
import { madeUpName, madeUpToken } from '../src/probe/made-up.ts'
import type { AttemptContext, Probe } from '../src/probe/probe.ts'
import { compileRules } from '../src/probe/rules.ts'

const targetSchema = z
  .strictObject({
    /** The registry's address: `https://registry-1.docker.io`. */
    url: urlSchema.refine(
      (url) => new URL(url).pathname === '/' && !url.includes('?'),
      'the origin of the registry, without a path',
    ),
    /** The origin of its token server, where it has one: `https://auth.docker.io`. A secret is sent nowhere else. */
    tokenOrigin: urlSchema.refine((url) => new URL(url).pathname === '/', 'an origin, without a path').optional(),
    /** True where the token server gives tokens to nobody without a credential. The decoy `nobody` then holds you to it. */
    tokenIsProof: z.boolean().default(false),
    /** True where every right password is taken: no second factor and no single sign-on makes the registry want a token instead. */
    passwordIsProof: z.boolean().default(false),
    ...transportFields,
  })
  .superRefine((target, context) => {
    const fault = transportFault(target.url, target)
    if (fault !== undefined) context.addIssue({ code: 'custom', path: ['tls'], message: fault })
    const { tokenOrigin } = target
    if (tokenOrigin?.startsWith('http:') && target.url.startsWith('https:')) {
      context.addIssue({ code: 'custom', path: ['tokenOrigin'], message: 'in clear, while the registry has TLS' })
    }
  })
type Target = z.infer<typeof targetSchema>

const secretSchema = z.union([
  z.strictObject({ username: secretText.refine((text) => !text.includes(':'), 'no colon (RFC 7617 §2)'), password: secretText }),
  z.strictObject({ token: secretText }),
])
type Secret = z.infer<typeof secretSchema> | Record<string, never>
const NOBODY: Secret = Object.freeze({})

/**
 * Registries that speak the distribution protocol (`GET /v2/`). The registry is first asked without a credential: its
 * challenge tells where the credential belongs, and one that lets everybody in gets none. Then one authentication message:
 * Basic to the registry, or to its token server; a bearer token to the registry.
 * Source: distribution specification, "Docker Registry v2 authentication via central service".
 */
export const dockerRegistry: Probe<Target, Secret> = {
  kind: 'docker-registry',
  summary: 'Container registries (distribution protocol): passwords and tokens, directly or at their token server',
  target: targetSchema,
  secret: secretSchema,
  effects: ['mints-session'],
  origin: (target) => new URL(target.url).origin,
  alsoReaches: ({ url, tokenOrigin }) =>
    tokenOrigin === undefined || new URL(tokenOrigin).origin === new URL(url).origin ? [] : [new URL(tokenOrigin).origin],
  transport: (target) => transportOf(target.tokenOrigin?.startsWith('http:') ? target.tokenOrigin : target.url, target),
  http: trustOf,
  account: (secret) => ('username' in secret ? secret.username?.toLowerCase() : undefined),
  form: (secret, { passwordIsProof }) => ('username' in secret ? passwordKind(secret.password ?? '', passwordIsProof) : 'bearer'),
  decoy: (secret, of) => (of === 'nobody' ? NOBODY : madeUp(secret, of)),
  attempt,
}

async function attempt(target: Target, secret: Secret, ctx: AttemptContext): Promise<Judgement> {
  const { origin } = new URL(target.url)
  const asked = await ask(ctx, origin, '/v2/')
  if (asked.status !== 401) return judgeUnasked(asked)
  const bearer = asked.challenges().find(({ scheme }) => scheme === 'bearer')
  if (secret === NOBODY) return bearer === undefined ? judgeDirect(asked, 'basic', []) : askToken(target, secret, bearer, ctx)
  if ('token' in secret && secret.token !== undefined) {
    return judgeDirect(await ask(ctx, origin, '/v2/', `Bearer ${secret.token}`), 'bearer', [secret.token])
  }
  // A registry with a token server ignores Basic: to send it there would prove nothing.
  if (bearer !== undefined) return askToken(target, secret, bearer, ctx)
  const { header, sent } = basic(secret)
  return judgeDirect(await ask(ctx, origin, '/v2/', header), 'basic', sent)
}

/** What the registry said before it saw a credential. 200: it is open, and was shown none. */
function judgeUnasked(asked: HttpAnswer): Judgement {
  const judged = withoutRules(asked, [])
  if (asked.status !== 200 || asked.kind() === 'html') return judged
  return { ...judged, verdict: 'inconclusive', reason: 'endpoint_unauthenticated', strength: 'strong' }
}

const withoutRules = compileRules({ rules: [], placement: 'other' })

/** The registry itself weighed the credential: 200 counts because it refused to answer without one a moment ago. */
function judgeDirect(answer: HttpAnswer, placement: Placement, sent: readonly string[]): Judgement {
  return (placement === 'basic' ? basicRules : bearerRules)(answer, sent)
}

const accepted = {
  when: { status: 200, header: { 'docker-distribution-api-version': { exists: true } } },
  verdict: 'accepted',
  reason: 'authenticated',
} as const
/** Some registries leave the version header out; their body is `{}`. */
const acceptedJson = {
  when: { status: 200, json: { '': { type: 'object' } } },
  verdict: 'accepted',
  reason: 'authenticated',
} as const
const FACTS = { code: '/errors/0/code' }
/**
 * Weak: the specification's UNAUTHORIZED is "unable to authenticate the client", which covers a locked account and a directory that
 * does not answer.
 */
const refused = {
  when: { status: 401, json: { '/errors/0/code': 'UNAUTHORIZED' }, challenge: { scheme: 'basic' } },
  verdict: 'rejected',
  reason: 'invalid_credentials',
  strength: 'weak',
} as const
const basicRules = compileRules({ rules: [accepted, acceptedJson, refused], placement: 'basic', facts: FACTS })
const bearerRules = compileRules({ rules: [accepted, acceptedJson], placement: 'bearer', facts: FACTS })

async function askToken(target: Target, secret: Secret, challenge: Challenge, ctx: AttemptContext): Promise<Judgement> {
  const realm = URL.parse(challenge.params.realm ?? '')
  const allowed = [new URL(target.url).origin, ...(target.tokenOrigin === undefined ? [] : [new URL(target.tokenOrigin).origin])]
  if (realm === null || !allowed.includes(realm.origin)) {
    // The credential stays here: a registry that was taken over could name any server.
    const wire = { status: 401, challenge: 'bearer', tokenOrigin: realm?.origin ?? 'unreadable' }
    return { verdict: 'inconclusive', reason: 'config_error', strength: 'strong', wire }
  }
  if (challenge.params.service !== undefined) realm.searchParams.set('service', challenge.params.service)
  const { header, sent } = secret === NOBODY ? { header: undefined, sent: [] } : basic(secret)
  const answer = await ask(ctx, realm.origin, realm.pathname + realm.search, header, realm.pathname)
  return judgeToken(answer, target, secret, sent)
}

const tokenRules = compileRules({
  rules: [
    {
      when: { status: 401, json: { '/login_2fa_token': { type: 'string', empty: false } } },
      verdict: 'accepted',
      reason: 'mfa_required',
    },
    // Weak: GitLab's /jwt/auth answers the right password of a user with a second factor like a wrong one.
    {
      when: { status: 401, body: ['json', 'empty', 'other'] },
      verdict: 'rejected',
      reason: 'invalid_credentials',
      strength: 'weak',
    },
  ],
  placement: 'basic',
  facts: FACTS,
})

/**
 * A token alone proves nothing: many servers hand one to everybody. It counts when it is a JWT whose `sub` names somebody
 * (the specification leaves it empty for anonymous tokens), or where the target says that nobody gets one for nothing.
 */
function judgeToken(answer: HttpAnswer, target: Target, secret: Secret, sent: readonly string[]): Judgement {
  const judged = tokenRules(answer, sent)
  if (answer.status !== 200 || answer.kind() !== 'json') return judged
  const token = tokenOf(answer.json())
  if (token === undefined) return judged
  const subject = subjectOf(token)
  const anonymous = subject === '' || (subject === undefined && !target.tokenIsProof)
  if (anonymous) return { ...judged, verdict: 'inconclusive', reason: 'ambiguous', strength: 'strong' }
  // Docker Hub names its subjects by number: that is nobody else, only another name.
  const named = 'username' in secret && secret.username === subject ? subject : undefined
  return {
    ...judged,
    verdict: 'accepted',
    reason: 'authenticated',
    strength: 'strong',
    ...(named === undefined ? {} : { principal: named }),
  }
}

const tokenAnswer = z.object({ token: z.string().min(1).optional(), access_token: z.string().min(1).optional() })
const claims = z.object({ sub: z.string().optional() })

function tokenOf(body: unknown): string | undefined {
  const parsed = tokenAnswer.safeParse(body)
  return parsed.success ? (parsed.data.token ?? parsed.data.access_token) : undefined
}

/** The `sub` of a JWT, `''` for one without; undefined for a token that is none. */
function subjectOf(token: string): string | undefined {
  const [, payload, signature] = token.split('.')
  if (payload === undefined || signature === undefined) return undefined
  try {
    const parsed = claims.safeParse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')))
    return parsed.success ? (parsed.data.sub ?? '') : undefined
  } catch {
    return undefined
  }
}

function ask(ctx: AttemptContext, origin: string, path: string, authorization?: string, bare = path): Promise<HttpAnswer> {
  const headers = ['user-agent', ctx.attribution, 'accept', 'application/json']
  if (authorization !== undefined) headers.push('authorization', authorization)
  return exchange(ctx.http, { origin, path, bare, method: 'GET', headers }, ctx.signal)
}

function basic(secret: Secret): { header: string; sent: readonly string[] } {
  if (!('username' in secret) || secret.username === undefined) {
    throw new RevenantError('SECRET_INVALID', 'this registry wants a user name and a password, the secret holds a token')
  }
  const encoded = Buffer.from(`${secret.username}:${secret.password}`).toString('base64')
  return { header: `Basic ${encoded}`, sent: [secret.password, encoded] }
}

function madeUp(secret: Secret, of: 'stranger' | 'same-principal'): Secret | undefined {
  if ('token' in secret && secret.token !== undefined) return { token: madeUpToken(secret.token, [], of) }
  if (!('username' in secret) || secret.username === undefined) return undefined
  const username = of === 'same-principal' ? secret.username : madeUpName()
  return { username, password: madeUpToken(secret.password, TOKEN_PREFIXES, of) }
}

/** Tokens that stand in for a password: Docker Hub's, GitHub's, GitLab's. */
const TOKEN_PREFIXES = [
  'dckr_pat_',
  'dckr_oat_',
  'ghp_',
  'gho_',
  'ghu_',
  'ghs_',
  'github_pat_',
  'glpat-',
  'gldt-',
  'gloas-',
  'glcbt-',
]

/**
 * What a password is, for the canary: servers that know a second factor take a token in its place and refuse the right password.
 * Which of both a password without a known prefix is cannot be told, so that no canary vouches for it unless the operator does.
 */
function passwordKind(password: string, passwordIsProof: boolean): string | undefined {
  return TOKEN_PREFIXES.find((prefix) => password.startsWith(prefix)) ?? (passwordIsProof ? 'password' : undefined)
}
