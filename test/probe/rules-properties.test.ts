import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { http } from '../../probes/http.ts'
import { reasonFits } from '../../src/domain/reason.ts'
import type { Placement } from '../../src/probe/classify.ts'
import { type HttpAnswer, httpAnswer } from '../../src/probe/http-answer.ts'
import { compileRules, faultsOf, type Rule } from '../../src/probe/rules.ts'

const PLACEMENTS: Placement[] = ['bearer', 'basic', 'cookie', 'other']
const JSON_RULE: Rule = {
  when: { status: 200, json: { '/user': { type: 'string', empty: false } } },
  verdict: 'accepted',
  reason: 'authenticated',
}
const TEXT_RULE: Rule = { when: { status: '2xx', text: 'welcome' }, verdict: 'accepted', reason: 'authenticated' }
const STATUS_RULE: Rule = { when: { status: '2xx' }, verdict: 'accepted', reason: 'authenticated', statusIsEnough: true }
const REJECT_RULE: Rule = { when: { status: 403, json: { '/code': 'dead' } }, verdict: 'rejected', reason: 'token_invalid' }

const HEADERS = fc.dictionary(
  fc.constantFrom(
    'content-type',
    'www-authenticate',
    'location',
    'server',
    'cf-ray',
    'retry-after',
    'x-amzn-waf-action',
    'date',
    'x',
  ),
  fc.oneof(
    fc.constantFrom(
      'text/html',
      'application/json',
      'text/plain',
      'Basic realm="x"',
      'Bearer',
      'Bearer error="invalid_token"',
      'Bearer error="nope"',
      '/login',
      'https://x.example/',
      '::',
      'cloudflare',
      '5',
      'challenge',
      'Digest stale=true',
    ),
    fc.string({ maxLength: 40 }),
  ),
)
const BODIES = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.json({ maxDepth: 3 }),
  fc.constantFrom(
    '',
    '{}',
    '[]',
    '{"user":"a"}',
    '{"user":""}',
    '{"code":"dead"}',
    '<html>welcome {"user":"a"}</html>',
    'welcome',
    '\ufeff{"user":"a"}',
    '{"__proto__":{"user":"a"}}',
  ),
)
const PAGES = fc
  .tuple(
    fc.constantFrom('<!doctype html>', '<html>', ' \n<HTML lang="en">', '<!-- c --><html>', '<head>', '\ufeff<!DOCTYPE HTML>'),
    fc.string({ maxLength: 100 }),
  )
  .map(([start, rest]) => `${start}${rest} welcome {"user":"alice"}`)
const TYPES = fc.constantFrom(
  'text/html',
  'text/html; charset=utf-8',
  'application/json',
  'text/plain',
  'application/octet-stream',
)

function answer(status: number, headers: Record<string, string>, body: string): HttpAnswer {
  return httpAnswer(status, headers, [Buffer.from(body)], { origin: 'http://127.0.0.1:1', path: '/me' })
}

describe('no answer', () => {
  it('outside the accept rules is accepted, but for the two errors that follow a valid token', () => {
    const judges = PLACEMENTS.map((placement) => compileRules({ rules: [REJECT_RULE], placement }))
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 599 }),
        HEADERS,
        BODIES,
        fc.integer({ min: 0, max: 3 }),
        (status, headers, body, which) => {
          const judged = judges[which]?.(answer(status, headers, body), [])
          expect(judged?.verdict).not.toBe('accepted')
        },
      ),
      { numRuns: 5_000 },
    )
  })

  it('is accepted without the marker', () => {
    const judge = compileRules({ rules: [JSON_RULE], placement: 'bearer' })
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), HEADERS, BODIES, (status, headers, body) => {
        const judged = judge(answer(status, headers, body), [])
        if (judged.verdict !== 'accepted') return
        expect(status).toBe(200)
        const parsed: unknown = JSON.parse(body.replace(/^\ufeff/, ''))
        expect(parsed).toMatchObject({ user: expect.stringMatching(/./s) })
      }),
      { numRuns: 5_000 },
    )
  })

  it('that is a page is accepted, whatever it is called and whatever it holds', () => {
    for (const rule of [JSON_RULE, TEXT_RULE, STATUS_RULE]) {
      expect(faultsOf(rule)).toEqual([])
      const judge = compileRules({ rules: [rule], placement: 'bearer' })
      fc.assert(
        fc.property(fc.integer({ min: 200, max: 299 }), TYPES, PAGES, (status, type, page) => {
          expect(judge(answer(status, { 'content-type': type }, page), []).verdict).not.toBe('accepted')
        }),
        { numRuns: 500 },
      )
    }
  })

  it('is rejected but by a reject rule or a 401', () => {
    const judges = PLACEMENTS.map((placement) => compileRules({ rules: [REJECT_RULE, JSON_RULE], placement }))
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 599 }),
        HEADERS,
        BODIES,
        fc.integer({ min: 0, max: 3 }),
        (status, headers, body, which) => {
          const judged = judges[which]?.(answer(status, headers, body), [])
          if (judged === undefined) throw new Error('no judge')
          expect(reasonFits(judged.verdict, judged.reason)).toBe(true)
          if (judged.verdict !== 'rejected') return
          if (status !== 401) expect([status, JSON.parse(body)]).toMatchObject([403, { code: 'dead' }])
        },
      ),
      { numRuns: 10_000 },
    )
  })

  it('of a proxy, of a limit or of a failing server is judged, even by rules that would', () => {
    const bold: Rule[] = ['accepted', 'rejected'].map((verdict) => ({
      when: { status: '4xx', text: 'x' },
      verdict: verdict === 'accepted' ? 'accepted' : 'rejected',
      reason: verdict === 'accepted' ? 'insufficient_scope' : 'token_invalid',
    }))
    for (const rule of bold) expect(faultsOf(rule)).not.toEqual([])
    const judge = compileRules({ rules: bold, placement: 'bearer' })
    expect(judge(answer(407, {}, 'x'), []).verdict).toBe('inconclusive')
  })
})

describe('what a rule may quote', () => {
  const judge = compileRules({
    rules: [JSON_RULE],
    placement: 'bearer',
    principal: '/user',
    facts: { code: '/code', number: '/n' },
  })
  it('is never what was sent, nor a control character, nor a sentence', () => {
    const quoted = judge(answer(200, {}, JSON.stringify({ user: 'x SECRET-TOKEN x', code: 'SECRET-TOKEN', n: 7 })), [
      'SECRET-TOKEN',
    ])
    expect(quoted.wire).toEqual({ status: 200, number: 7 })
    expect(quoted.principal).toBeUndefined()
    expect(judge(answer(200, {}, JSON.stringify({ user: 'a\u001b[2J', code: 'two words' })), []).principal).toBeUndefined()
    expect(judge(answer(200, {}, JSON.stringify({ user: 'alice', code: 'E1.2' })), ['t']).principal).toBe('alice')
  })
})

describe('rules', () => {
  it('are tried in order', () => {
    const first: Rule = { when: { status: 200, json: { '/ok': false } }, verdict: 'rejected', reason: 'token_revoked' }
    const both = answer(200, {}, '{"ok":false,"user":"a"}')
    expect(compileRules({ rules: [first, JSON_RULE], placement: 'other' })(both, []).verdict).toBe('rejected')
    expect(compileRules({ rules: [JSON_RULE, first], placement: 'other' })(both, []).verdict).toBe('accepted')
  })
  const value = { status: 200, json: { '/v': 0 } }
  it.each([
    [{ equals: 'a' }, ['a'], ['b', 1, undefined]],
    [{ in: [1, 'a'] }, [1, 'a'], ['1', 2]],
    [{ exists: true }, [0, '', null, false], [undefined]],
    [{ exists: false }, [undefined], [0, null]],
    [{ type: 'array' }, [[]], [{}, 'x']],
    [{ type: 'null' }, [null], [0, undefined]],
    [{ empty: false }, ['a', [1], { a: 1 }, 0], ['', [], {}, null, undefined]],
    [{ contains: 'ell' }, ['hello'], ['hallo', ['ell']]],
    [{ matches: '^h.l+o$' }, ['hello'], ['hell', 5]],
  ])('%j', (test, holds, fails) => {
    const judge = compileRules({
      rules: [{ when: { ...value, json: { '/v': test } } as Rule['when'], verdict: 'inconclusive', reason: 'paused' }],
      placement: 'other',
    })
    for (const v of holds) expect(judge(answer(200, {}, JSON.stringify({ v })), []).reason, JSON.stringify(v)).toBe('paused')
    for (const v of fails) expect(judge(answer(200, {}, JSON.stringify({ v })), []).reason, JSON.stringify(v)).not.toBe('paused')
  })
  it('of the http probe parse from a target', () => {
    const parsed = http.target.safeParse({
      url: 'https://x/',
      credential: 'bearer',
      accept: [{ when: { status: [200, '203-204'], contentType: 'application/json', json: { '': { type: 'object' } } } }],
    })
    expect(parsed.error).toBeUndefined()
  })
})
