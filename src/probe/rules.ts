import { z } from 'zod'
import type { Judgement } from '../domain/answer.ts'
import { compilePointer } from '../domain/pointer.ts'
import { REASON_NAMES, type Reason, reasonFits } from '../domain/reason.ts'
import { STRENGTHS, type Strength, VERDICTS, type Verdict } from '../domain/verdict.ts'
import { classify, isBlockPage, type Placement } from './classify.ts'
import { type HttpAnswer, headerOf } from './http-answer.ts'
import { redirectionOf } from './location.ts'
import { pointerSchema } from './pointer.ts'
import {
  compileWhen,
  looksInside,
  type Predicate,
  readsCode,
  statusesMeet,
  statusesWithin,
  type When,
  whenSchema,
} from './predicate.ts'
import { retryAfterMs } from './retry-after.ts'

/** Where the answer names who is signed in: a JSON pointer, or a header. */
export const principalSchema = z.union([
  pointerSchema,
  z.strictObject({ header: z.string().regex(/^[!#$%&'*+.^_`|~0-9a-z-]+$/, 'a header name in lower case') }),
])
export type PrincipalSource = z.infer<typeof principalSchema>

/** A reason of the closed list (src/domain/reason.ts). */
export const reasonSchema = z.enum(REASON_NAMES)

/** The fields of a rule. A rejection's `strength` is `strong` where the rule compares a code that machines read, else `weak`. */
export const ruleFields = {
  when: whenSchema,
  verdict: z.enum(VERDICTS),
  reason: reasonSchema,
  strength: z.enum(STRENGTHS).optional(),
  principal: principalSchema.optional(),
  /** The operator vouches that this status alone decides at this endpoint. */
  statusIsEnough: z.literal(true).optional(),
}

export interface Rule {
  when: When
  verdict: Verdict
  reason: Reason
  strength?: Strength | undefined
  principal?: PrincipalSource | undefined
  statusIsEnough?: true | undefined
}

/** Answers what is wrong with a rule that its types allow: each fault with the key it belongs to. */
export function faultsOf(rule: Rule): { path: string; message: string }[] {
  const faults: { path: string; message: string }[] = []
  const { when, verdict } = rule
  if (!reasonFits(verdict, rule.reason)) {
    faults.push({ path: 'reason', message: `"${rule.reason}" does not stand beside "${verdict}" (src/domain/reason.ts)` })
  }
  if (verdict === 'inconclusive') return faults
  if (when.status === undefined) faults.push({ path: 'when', message: `a rule that says "${verdict}" names its status` })
  else if (statusesMeet(when, 429, 429) || statusesMeet(when, 407, 407)) {
    faults.push({ path: 'when', message: '407 and 429 say nothing of the credential: narrow the status' })
  } else if (verdict === 'accepted' && statusesMeet(when, 500, 599)) {
    faults.push({ path: 'when', message: 'a server error accepts nobody: narrow the status' })
  }
  if (!looksInside(when) && rule.statusIsEnough !== true && !(verdict === 'rejected' && statusesWithin(when, 401, 401))) {
    faults.push({
      path: 'when',
      message: `a status alone does not mean "${verdict}": test the body or a header, or say statusIsEnough: true`,
    })
  }
  if (
    rule.statusIsEnough === true &&
    (verdict === 'accepted' ? !statusesWithin(when, 200, 299) : !statusesWithin(when, 400, 499))
  ) {
    faults.push({
      path: 'statusIsEnough',
      message: `a status alone can mean "${verdict}" only within ${verdict === 'accepted' ? '2xx' : '4xx'}`,
    })
  }
  if (verdict === 'accepted' && acceptsHtml(rule) && when.text === undefined && when.textMatches === undefined) {
    faults.push({ path: 'when', message: 'a page is accepted only by a text that signed-in users alone are shown' })
  }
  return faults
}

export interface JudgeOptions {
  rules: readonly Rule[]
  placement: Placement
  principal?: PrincipalSource | undefined
  /** JSON pointers whose values go into the wire facts: an error code. */
  facts?: Readonly<Record<string, string>> | undefined
  /** The header with the end of a rate limit's window, seconds since 1970. */
  resetHeader?: string | undefined
}

/** What an answer means. `secrets`: the values that were sent, which nothing that is answered may quote. */
export type Judge = (answer: HttpAnswer, secrets: readonly string[]) => Judgement

/**
 * Compiles ordered rules into one closure: the first that matches decides, and where none does `classify`. Two answers never
 * reach the rules, since they are not the system's: a block page of a WAF or CDN, and a proxy's 407.
 */
export function compileRules(options: JudgeOptions): Judge {
  const rules = options.rules.map((rule) => compileRule(rule, options.principal))
  const facts = Object.entries(options.facts ?? {}).map(([name, pointer]) => ({ name, find: compilePointer(pointer) }))
  return (answer, secrets) => {
    const wire: Record<string, string | number> = { status: answer.status }
    const rule = answer.status === 407 || isBlockPage(answer) ? undefined : rules.find((candidate) => candidate.matches(answer))
    const judged = rule ?? classify(answer, options.placement)
    addFacts(wire, answer, facts, secrets)
    if (judged.verdict === 'inconclusive' && answer.kind() === 'html') wire.body = 'html'
    const principal = rule?.verdict === 'accepted' ? rule.principal?.(answer) : undefined
    const wait = mayWait(answer.status, judged.reason) ? retryAfterMs(answer.headers, Date.now(), options.resetHeader) : undefined
    return {
      verdict: judged.verdict,
      reason: judged.reason,
      strength: judged.strength,
      wire,
      ...(principal === undefined || quotes(principal, secrets) ? {} : { principal }),
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
    }
  }
}

interface CompiledRule {
  matches: Predicate
  verdict: Verdict
  reason: Reason
  strength: Strength
  principal: ((answer: HttpAnswer) => string | undefined) | undefined
}

function compileRule(rule: Rule, fallback: PrincipalSource | undefined): CompiledRule {
  const holds = compileWhen(rule.when)
  const guard = rule.verdict === 'accepted' ? (acceptsHtml(rule) ? isNoLoginPage : isNoPage) : undefined
  const source = rule.principal ?? fallback
  return {
    matches: guard === undefined ? holds : (answer) => holds(answer) && guard(answer),
    verdict: rule.verdict,
    reason: rule.reason,
    strength: rule.strength ?? (rule.verdict !== 'rejected' || readsCode(rule.when) ? 'strong' : 'weak'),
    principal: source === undefined ? undefined : compilePrincipal(source),
  }
}

function acceptsHtml(rule: Rule): boolean {
  return [rule.when.body ?? []].flat().includes('html')
}

/** A page where an API's answer was due is never an acceptance, whatever rule it fits. */
function isNoPage(answer: HttpAnswer): boolean {
  return answer.kind() !== 'html'
}

/** Where pages are what the system serves, one that asks for a password has not let anyone in. */
function isNoLoginPage(answer: HttpAnswer): boolean {
  return !/<input\b[^>]{0,512}\btype\s{0,8}=\s{0,8}["']?password\b/i.test(answer.text())
}

function compilePrincipal(source: PrincipalSource): (answer: HttpAnswer) => string | undefined {
  if (typeof source === 'object') return (answer) => principalText(headerOf(answer, source.header))
  const find = compilePointer(source)
  return (answer) => principalText(find(answer.json()))
}

function principalText(found: unknown): string | undefined {
  const text = typeof found === 'number' ? String(found) : found
  if (typeof text !== 'string' || text === '' || text.length > 256) return undefined
  // Control characters must not get into evidence and terminals.
  return /\p{Cc}/u.test(text) ? undefined : text
}

function addFacts(
  wire: Record<string, string | number>,
  answer: HttpAnswer,
  facts: readonly { name: string; find: (document: unknown) => unknown }[],
  secrets: readonly string[],
): void {
  if (answer.status >= 300 && answer.status < 400) wire.redirect = redirectionOf(answer)
  if (answer.headers['www-authenticate'] !== undefined) {
    const [challenge] = answer.challenges()
    if (challenge !== undefined) wire.challenge = code(challenge.scheme, secrets) ?? 'unreadable'
    const error = code(answer.challenges().find(({ params }) => params.error !== undefined)?.params.error, secrets)
    if (error !== undefined) wire.challengeError = error
  }
  for (const { name, find } of facts) {
    const found = find(answer.json())
    const fact = typeof found === 'number' ? found : code(found, secrets)
    if (fact !== undefined) wire[name] = fact
  }
}

/** A code that a machine reads, and nothing that could be a sentence or quote what was sent. */
function code(found: unknown, secrets: readonly string[]): string | undefined {
  return typeof found === 'string' && /^[\w.:-]{1,64}$/.test(found) && !quotes(found, secrets) ? found : undefined
}

function quotes(text: string, secrets: readonly string[]): boolean {
  return secrets.some((secret) => text.includes(secret) || (text.length >= 8 && secret.includes(text)))
}

function mayWait(status: number, reason: Reason): boolean {
  return reason === 'rate_limited' || status === 429 || status === 503
}
