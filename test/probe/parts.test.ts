import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compilePointer } from '../../src/domain/pointer.ts'
import { parseChallenges } from '../../src/probe/challenge.ts'
import { checksum, madeUpToken } from '../../src/probe/made-up.ts'
import { compilePattern, patternSchema } from '../../src/probe/pattern.ts'
import { pointerSchema } from '../../src/probe/pointer.ts'
import { MAX_RETRY_AFTER_MS, retryAfterMs } from '../../src/probe/retry-after.ts'
import { compileTemplate, templateSchema } from '../../src/probe/template.ts'

describe('JSON pointers (RFC 6901 §5, its own examples)', () => {
  const document = { foo: ['bar', 'baz'], '': 0, 'a/b': 1, 'c%d': 2, 'e^f': 3, 'g|h': 4, 'i\\j': 5, 'k"l': 6, ' ': 7, 'm~n': 8 }
  const rows: [string, unknown][] = [
    ['', document],
    ['/foo', ['bar', 'baz']],
    ['/foo/0', 'bar'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/e^f', 3],
    ['/g|h', 4],
    ['/i\\j', 5],
    ['/k"l', 6],
    ['/ ', 7],
    ['/m~0n', 8],
    ['/foo/2', undefined],
    ['/foo/00', undefined],
    ['/foo/-', undefined],
    ['/foo/length', undefined],
    ['/constructor/name', undefined],
    ['/__proto__', undefined],
    ['/nothing/here', undefined],
  ]
  it.each(rows)('%s', (pointer, found) => {
    expect(pointerSchema.safeParse(pointer).success).toBe(true)
    expect(compilePointer(pointer)(document)).toEqual(found)
  })
  it.each(['foo', '/a~', '/a~2'])('refuses %s', (pointer) => expect(pointerSchema.safeParse(pointer).success).toBe(false))
})

describe('patterns', () => {
  it.each([
    '(',
    '(a+)+',
    '(a|b)*',
    '(?:a*){2,}',
    '((a+)b)*',
    '(a)\\1',
    '(?=a)',
    '(?<!a)b',
    'a.*b.*c',
    '^a.*b.*c.*d',
    '^a*|b*',
    'x'.repeat(201),
  ])('refuses %s', (pattern) => expect(patternSchema.safeParse(pattern).success).toBe(false))
  it.each(['^a.*b.*c', 'colou?r', '^[A-Z]+\\d{4}$', '(one|two) three', '(?:ab){3}', '[*+(]', '\\(a+\\)', 'a{2,5}'])(
    'takes %s',
    (pattern) => expect(patternSchema.safeParse(pattern).success).toBe(true),
  )
  it('never takes long over what passed', () => {
    const evil = ['aaaa', 'a', '=', '"', ' ', '(']
    const source = fc.array(fc.constantFrom('a', 'a*', '.*', '(a', ')', '+', '|', 'a?', '{1,9}', '^', '[a=]', 'b'), {
      maxLength: 8,
    })
    fc.assert(
      fc.property(source, fc.constantFrom(...evil), (parts, unit) => {
        const pattern = parts.join('')
        if (!patternSchema.safeParse(pattern).success) return
        const test = compilePattern(pattern)
        const before = performance.now()
        test(unit.repeat(100_000))
        expect(performance.now() - before).toBeLessThan(2_000)
      }),
      { numRuns: 500 },
    )
  })
})

describe('Retry-After', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  it.each([
    ['seconds', { 'retry-after': '120' }, 120_000],
    [
      'a date, counted from the answer’s own',
      { 'retry-after': 'Wed, 21 Oct 2015 07:29:00 GMT', date: 'Wed, 21 Oct 2015 07:28:00 GMT' },
      60_000,
    ],
    ['a date by our clock', { 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 30_000],
    ['the past', { 'retry-after': 'Thu, 01 Jan 2015 00:00:30 GMT' }, 0],
    ['a year', { 'retry-after': '31536000' }, MAX_RETRY_AFTER_MS],
    ['an absurd number', { 'retry-after': '99999999999999' }, undefined],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
    ['a negative number', { 'retry-after': '-5' }, undefined],
    ['the end of the window', { 'x-reset': String(now / 1_000 + 45) }, 45_000],
    ['nothing', {}, undefined],
  ])('%s', (_name, headers, wanted) => expect(retryAfterMs(headers, now, 'x-reset')).toBe(wanted))
})

describe('WWW-Authenticate', () => {
  it.each([
    ['Basic realm="a, b"', [{ scheme: 'basic', params: { realm: 'a, b' } }]],
    ['Bearer', [{ scheme: 'bearer', params: {} }]],
    [
      'Negotiate, Basic realm=x',
      [
        { scheme: 'negotiate', params: {} },
        { scheme: 'basic', params: { realm: 'x' } },
      ],
    ],
    [
      'Negotiate YII=, Bearer error="invalid_token", error_description="say \\"no\\""',
      [
        { scheme: 'negotiate', params: {} },
        { scheme: 'bearer', params: { error: 'invalid_token', error_description: 'say "no"' } },
      ],
    ],
    [
      'Digest realm="r", nonce="n/+=", stale=TRUE, qop="auth,auth-int"',
      [{ scheme: 'digest', params: { realm: 'r', nonce: 'n/+=', stale: 'TRUE', qop: 'auth,auth-int' } }],
    ],
    [
      ['Basic realm="a"', 'Bearer realm = "b"'],
      [
        { scheme: 'basic', params: { realm: 'a' } },
        { scheme: 'bearer', params: { realm: 'b' } },
      ],
    ],
    ['"', []],
    [undefined, []],
  ])('%j', (header, wanted) => expect(JSON.parse(JSON.stringify(parseChallenges(header)))).toEqual(wanted))
  it('survives anything', () => {
    fc.assert(fc.property(fc.string({ maxLength: 300 }), (header) => void parseChallenges(header)))
    const before = performance.now()
    parseChallenges('a="'.repeat(100_000))
    parseChallenges(`Basic ${'a='.repeat(100_000)}`)
    expect(performance.now() - before).toBeLessThan(500)
  })
})

describe('made-up tokens', () => {
  it('keep the prefix, the length and the classes, and differ', () => {
    const like = 'xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx'
    const made = madeUpToken(like, ['xoxb-'])
    expect(made).toMatch(/^xoxb-\d{12}-\d{13}-[A-Z][a-z][A-Z][a-z][A-Za-z]{20}$/)
    expect(made).not.toBe(like)
  })
  it('know the checksum of a published example of GitHub’s format', () => {
    expect(checksum('zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ')).toBe('0mLq17')
  })
  it('carry a valid checksum where the real one does', () => {
    const real = `ghp_${'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5'}${checksum('a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5')}`
    const made = madeUpToken(real, ['ghp_'])
    expect(made).toHaveLength(real.length)
    expect(made.slice(-6)).toBe(checksum(made.slice(4, -6)))
    expect(made).not.toBe(real)
  })
  it('stay hexadecimal or decimal', () => {
    expect(madeUpToken('0123456789abcdef0123456789abcdef')).toMatch(/^[0-9a-f]{32}$/)
    expect(madeUpToken('12345678901234567890')).toMatch(/^\d{20}$/)
    expect(madeUpToken('123e4567-e89b-12d3-a456-426614174000')).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
    )
  })
  it('are long even where the real one is short', () => expect(madeUpToken('1234')).toHaveLength(32))
  it('of a JWT keep the header and change the signature; a stranger is nobody', () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const real = `${part({ alg: 'RS256', kid: 'k' })}.${part({ sub: 'alice', email: 'a@b.c', iss: 'i', exp: 9 })}.c2lnbmF0dXJl`
    const [header, claims, signature] = madeUpToken(real, [], 'same-principal').split('.')
    expect([header, claims]).toEqual(real.split('.').slice(0, 2))
    expect(signature).not.toBe('c2lnbmF0dXJl')
    const stranger = JSON.parse(Buffer.from(madeUpToken(real).split('.')[1] ?? '', 'base64url').toString('utf8'))
    expect(stranger).toEqual({ iss: 'i', exp: 9, sub: expect.stringMatching(/^revenant-decoy-/) })
  })
  it('never repeat', () => {
    const made = new Set(Array.from({ length: 200 }, () => madeUpToken('0123456789abcdef')))
    expect(made.size).toBe(200)
  })
})

describe('templates', () => {
  const scope = { secret: { token: 'a/b&c' }, target: { site: 'x' }, derived: {} }
  it.each([
    ['plain', 'plain'],
    ['{secret.token}', 'a/b&c'],
    ['{{{target.site}}}', '{x}'],
    ['{target.absent}', undefined],
  ])('%s', (text, wanted) => {
    expect(templateSchema.safeParse(text).success).toBe(true)
    expect(compileTemplate(text).render(scope)).toBe(wanted)
  })
  it('escapes what is put in and nothing else', () =>
    expect(compileTemplate('/a/{secret.token}').render(scope, encodeURIComponent)).toBe('/a/a%2Fb%26c'))
  it.each(['{secret}', '{other.x}', '{', 'a}', '{secret.to ken}'])('refuses %s', (text) =>
    expect(templateSchema.safeParse(text).success).toBe(false),
  )
})
