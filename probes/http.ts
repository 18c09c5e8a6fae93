import { z } from 'zod'
import { RevenantError } from '../src/domain/error.ts'
import type { Placement } from '../src/probe/classify.ts'
import { exchange, type HttpRequest } from '../src/probe/exchange.ts'
import {
  constantHeaders,
  secretText,
  transportFault,
  transportFields,
  transportOf,
  trustOf,
  urlSchema,
} from '../src/probe/http-target.ts'
import { madeUpEmail, madeUpName, madeUpPassword, madeUpToken } from '../src/probe/made-up.ts'
import { type AttemptContext, EFFECTS, type Effect, type Probe } from '../src/probe/probe.ts'
import { compileRules, faultsOf, type Judge, principalSchema, type Rule, ruleFields } from '../src/probe/rules.ts'

const name = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'not a name of a header, parameter or cookie')

const credentialSchema = z.union([
  z.enum(['bearer', 'basic']),
  z.strictObject({
    header: name,
    prefix: z
      .string()
      .max(64)
      .regex(/^[\x20-\x7e]*$/)
      .optional(),
  }),
  z.strictObject({ query: z.string().min(1).max(128) }),
  z.strictObject({ cookie: name }),
])

const { verdict: _verdict, reason, ...shared } = ruleFields
const acceptRule = z.strictObject({ ...shared, reason: reason.default('authenticated') })
const rejectRule = z.strictObject({ ...shared, reason: reason.optional() })
const undecidedRule = z.strictObject({ when: ruleFields.when, reason: reason.default('ambiguous') })

const httpTarget = z
  .strictObject({
    url: urlSchema,
    method: z.enum(['GET', 'HEAD', 'POST']).default('GET'),
    credential: credentialSchema,
    /** Constant headers, in which no credential may stand. */
    headers: constantHeaders.default({}),
    /** A constant body, for POST only. */
    body: z.string().max(65_536).optional(),
    accept: z.array(acceptRule).min(1).max(64),
    reject: z.array(rejectRule).max(64).default([]),
    undecided: z.array(undecidedRule).max(64).default([]),
    principal: principalSchema.optional(),
    /** What the request changes; a POST must say `writes`. */
    effects: z.array(z.enum(EFFECTS)).default([]),
    /** False: the request is never sent without a credential. */
    nobody: z.boolean().default(true),
    ...transportFields,
  })
  .superRefine((target, context) => {
    const issue = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message })
    const fault = transportFault(target.url, target)
    if (fault !== undefined) issue(['tls'], fault)
    if (target.method === 'POST' && !target.effects.includes('writes')) issue(['effects'], 'a POST must say effects: [writes]')
    if (target.body !== undefined && target.method !== 'POST') issue(['body'], 'only a POST has a body')
    for (const list of ['accept', 'reject', 'undecided'] as const) {
      rulesOf(target, list).forEach((rule, index) => {
        for (const { path, message } of faultsOf(rule)) issue([list, index, path], message)
      })
    }
  })
export type HttpTarget = z.infer<typeof httpTarget>

const httpSecret = z.union([
  z.strictObject({ token: secretText }),
  z.strictObject({ username: secretText.refine((text) => !text.includes(':'), 'no colon (RFC 7617 §2)'), password: secretText }),
  z.strictObject({ key: secretText }),
  z.strictObject({ cookie: secretText.refine((text) => !/[\s",;\\]/.test(text), 'not a cookie value (RFC 6265 §4.1.1)') }),
])
/** `{}` is nobody: no schema lets it in, only `decoy` makes it. */
export type HttpSecret = z.infer<typeof httpSecret> | Record<string, never>

const NOBODY: HttpSecret = Object.freeze({})

/**
 * Any HTTP API: the operator says where the credential goes and which answers accept and reject it. Without a rule that
 * matches, src/probe/classify.ts decides, and it accepts nothing but what RFC 6750 and RFC 9470 define.
 */
export const http: Probe<HttpTarget, HttpSecret> = {
  kind: 'http',
  summary: 'Any HTTP API: bearer token, basic, API key in header or query, session cookie; rules of your own',
  target: httpTarget,
  secret: httpSecret,
  effects: ['prolongs-life', 'rotates-token', 'consumes-use', 'mints-session', 'writes'],
  effectsAt,
  origin: (target) => new URL(target.url).origin,
  transport: (target) => transportOf(target.url, target),
  http: trustOf,
  account: (secret) => ('username' in secret ? secret.username?.toLowerCase() : undefined),
  decoy: (secret, of, target) => (of === 'nobody' ? (target?.nobody === false ? undefined : NOBODY) : madeUp(secret, of)),
  attempt,
}

/** A session that slides is prolonged by every replay. */
function effectsAt({ credential, effects }: HttpTarget): readonly Effect[] {
  return placedName(credential) === 'cookie' && !effects.includes('prolongs-life') ? ['prolongs-life', ...effects] : effects
}

async function attempt(target: HttpTarget, secret: HttpSecret, ctx: AttemptContext) {
  const plan = planOf(target)
  const { request, sent } = plan.place(secret, ctx.attribution)
  return plan.judge(await exchange(ctx.http, request, ctx.signal), sent)
}

interface Placed {
  request: HttpRequest
  /** The values that are secret: nothing that comes back may quote them. */
  sent: readonly string[]
}

interface Plan {
  place(secret: HttpSecret, attribution: string): Placed
  judge: Judge
}

/** Everything that does not depend on the secret is worked out once for a target: 50,000 attempts share it. */
const plans = new WeakMap<HttpTarget, Plan>()

function planOf(target: HttpTarget): Plan {
  const known = plans.get(target)
  if (known !== undefined) return known
  const plan = { place: placerOf(target), judge: judgeOf(target) }
  plans.set(target, plan)
  return plan
}

function judgeOf(target: HttpTarget): Judge {
  return compileRules({
    // What is undecided first, then what rejects: an answer that fits two lists is trusted the least.
    rules: [...rulesOf(target, 'undecided'), ...rulesOf(target, 'reject'), ...rulesOf(target, 'accept')],
    placement: placementOf(target.credential),
    principal: target.principal,
  })
}

function rulesOf(
  target: Pick<HttpTarget, 'accept' | 'reject' | 'undecided' | 'credential'>,
  list: 'accept' | 'reject' | 'undecided',
): Rule[] {
  if (list === 'accept') return target.accept.map((rule) => ({ ...rule, verdict: 'accepted' }))
  if (list === 'undecided') return target.undecided.map((rule) => ({ ...rule, verdict: 'inconclusive' }))
  const placement = placementOf(target.credential)
  const fallback = placement === 'cookie' ? 'session_invalid' : placement === 'bearer' ? 'token_invalid' : 'invalid_credentials'
  return target.reject.map((rule) => ({ ...rule, verdict: 'rejected', reason: rule.reason ?? fallback }))
}

type Credential = HttpTarget['credential']

function placedName(credential: Credential): 'bearer' | 'basic' | 'header' | 'query' | 'cookie' {
  if (typeof credential === 'string') return credential
  if ('header' in credential) return 'header'
  return 'query' in credential ? 'query' : 'cookie'
}

function placementOf(credential: Credential): Placement {
  const placed = placedName(credential)
  return placed === 'header' || placed === 'query' ? 'other' : placed
}

/** Captures the constant part of the request and answers a function that adds the credential. */
function placerOf(target: HttpTarget): Plan['place'] {
  const url = new URL(target.url)
  const constant = Object.entries(target.headers).flat()
  const path = url.pathname + url.search
  const body = target.body === undefined ? {} : { body: target.body }
  const base = { origin: url.origin, path, bare: url.pathname, method: target.method, ...body }
  const spot = spotOf(target.credential)
  return (secret, attribution) => {
    const headers = ['user-agent', attribution, ...constant]
    if (secret === NOBODY) return { request: { ...base, headers }, sent: [] }
    const { header, query, sent } = spot(secret)
    if (header !== undefined) headers.push(header[0], header[1])
    if (query === undefined) return { request: { ...base, headers }, sent }
    return { request: { ...base, headers, path: `${path}${url.search === '' ? '?' : '&'}${query}` }, sent }
  }
}

interface Spot {
  header?: readonly [string, string]
  query?: string
  sent: readonly string[]
}

function spotOf(credential: Credential): (secret: HttpSecret) => Spot {
  if (credential === 'bearer') {
    return (secret) => {
      const token = field(secret, 'token')
      return { header: ['authorization', `Bearer ${token}`], sent: [token] }
    }
  }
  if (credential === 'basic') return basicSpot
  if ('cookie' in credential) {
    return (secret) => {
      const cookie = field(secret, 'cookie')
      return { header: ['cookie', `${credential.cookie}=${cookie}`], sent: [cookie] }
    }
  }
  if ('header' in credential) {
    const { header, prefix = '' } = credential
    return (secret) => {
      const key = field(secret, 'key')
      return { header: [header, prefix + key], sent: [key] }
    }
  }
  const parameter = encodeURIComponent(credential.query)
  return (secret) => {
    const key = field(secret, 'key')
    const escaped = encodeURIComponent(key)
    return { query: `${parameter}=${escaped}`, sent: [key, escaped] }
  }
}

function basicSpot(secret: HttpSecret): Spot {
  const password = field(secret, 'password')
  const encoded = Buffer.from(`${field(secret, 'username')}:${password}`).toString('base64')
  return { header: ['authorization', `Basic ${encoded}`], sent: [password, encoded] }
}

function field(secret: HttpSecret, wanted: 'token' | 'username' | 'password' | 'key' | 'cookie'): string {
  const value: unknown = Reflect.get(secret, wanted)
  if (typeof value === 'string') return value
  throw new RevenantError('SECRET_INVALID', `this target's credential needs the secret field "${wanted}"`)
}

function madeUp(secret: HttpSecret, of: 'stranger' | 'same-principal'): HttpSecret | undefined {
  if ('username' in secret && secret.username !== undefined) {
    const stranger = secret.username.includes('@') ? madeUpEmail() : madeUpName()
    return { username: of === 'same-principal' ? secret.username : stranger, password: madeUpPassword() }
  }
  if ('token' in secret && secret.token !== undefined) return { token: madeUpToken(secret.token, [], of) }
  if ('key' in secret && secret.key !== undefined) return { key: madeUpToken(secret.key, [], of) }
  return 'cookie' in secret && secret.cookie !== undefined ? { cookie: madeUpToken(secret.cookie, [], of) } : undefined
}
