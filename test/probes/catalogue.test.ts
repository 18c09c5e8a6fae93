import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { loadProbe, PROBE_KINDS } from '../../probes/registry.ts'
import { catalogueProbe } from '../../src/probe/catalogue.ts'
import { parseCatalogueEntry } from '../../src/probe/catalogue-entry.ts'
import { readsCode } from '../../src/probe/predicate.ts'
import { replay } from '../conformance/replay.ts'
import { type Asked, basicOf, openHttp } from '../servers/hostile-http.ts'
import { drive, driveRow } from './drive.ts'
import { ANSWERS } from './http-answers.ts'

const FOLDER = new URL('../../probes/catalogue/', import.meta.url)
const FILES = readdirSync(FOLDER)
const ROWS = ANSWERS.filter(({ kind }) => kind !== 'http')

describe('the documented answers', () => {
  it.each(ROWS)('$kind, $name: $verdict / $reason', async (row) => void (await driveRow(row)))
  it('cover every entry, accepted and rejected', () => {
    for (const kind of FILES.map((file) => file.slice(0, -5))) {
      const verdicts = new Set(ROWS.filter((row) => row.kind === kind).map(({ verdict }) => verdict))
      expect([kind, verdicts.has('accepted'), verdicts.has('rejected')]).toEqual([kind, true, true])
    }
  })
})

describe('what each entry sends', () => {
  const first = (kind: string, name?: string) => {
    const row = ROWS.find((candidate) => candidate.kind === kind && (name === undefined || candidate.name === name))
    if (row === undefined) throw new Error(`no row ${kind} ${name ?? ''}`)
    return row
  }
  const rows: [string, string | undefined, (asked: Asked) => void][] = [
    [
      'github',
      'alive',
      ({ method, url, headers }) =>
        expect([method, url, headers.authorization]).toEqual(['GET', '/user', `Bearer ghp_${'a'.repeat(18)}${'B7'.repeat(9)}`]),
    ],
    ['github', 'an installation token', ({ url }) => expect(url).toBe('/installation/repositories?per_page=1')],
    [
      'gitlab',
      undefined,
      ({ url, headers }) => expect([url, headers.authorization]).toEqual(['/api/v4/user', 'Bearer glpat-ABCDEFGHIJKLMNOPQRST']),
    ],
    ['slack', undefined, ({ method, url, body }) => expect([method, url, body]).toEqual(['POST', '/auth.test', ''])],
    [
      'slack-webhook',
      undefined,
      ({ method, url, body }) =>
        expect([method, url, body]).toEqual(['POST', '/services/T0ABC/B0ABC/AbCdEfGhIjKlMnOpQrStUvWx', '{}']),
    ],
    ['npm', undefined, ({ url }) => expect(url).toBe('/-/whoami')],
    [
      'vault',
      undefined,
      ({ url, headers }) =>
        expect([url, headers['x-vault-token'], headers['x-vault-namespace']]).toEqual([
          '/v1/auth/token/lookup-self',
          'hvs.CAESIABCDEFGHIJKLMNOPQRS',
          'team/a',
        ]),
    ],
    [
      'jira',
      'alive',
      (asked) =>
        expect([asked.url, basicOf(asked)]).toEqual([
          '/rest/api/3/myself',
          'alice@example.com:ATATT3xFfGF0-ABCDEFGHIJKLMNOPQRSTUVWXYZ',
        ]),
    ],
    [
      'jira',
      'PAT alive',
      ({ url, headers }) =>
        expect([url, headers.authorization]).toEqual(['/rest/api/2/myself', 'Bearer MTIzNDU2Nzg5MDEyOlNlY3JldFNlY3JldA']),
    ],
    ['atlassian-admin', undefined, ({ url }) => expect(url).toBe('/admin/v1/orgs')],
    [
      'datadog',
      'alive',
      ({ url, headers }) =>
        expect([url, headers['dd-api-key'], headers['dd-application-key']]).toEqual([
          '/api/v1/validate',
          '0123456789abcdef0123456789abcdef',
          undefined,
        ]),
    ],
    [
      'datadog',
      'both alive',
      ({ url, headers }) =>
        expect([url, headers['dd-application-key']]).toEqual([
          '/api/v2/validate_keys',
          '0123456789abcdef0123456789abcdef01234567',
        ]),
    ],
    ['cloudflare', 'alive', ({ url }) => expect(url).toBe('/user/tokens/verify')],
    ['cloudflare', 'an account’s token', ({ url }) => expect(url).toBe(`/accounts/${'0'.repeat(32)}/tokens/verify`)],
    ['cloudflare', 'alive, an account’s', ({ url }) => expect(url).toBe(`/accounts/${'0'.repeat(32)}/tokens/verify`)],
    ['cloudflare', 'alive, a user’s', ({ url }) => expect(url).toBe('/user/tokens/verify')],
    [
      'cloudflare',
      'global key',
      ({ url, headers }) =>
        expect([url, headers['x-auth-email'], headers['x-auth-key']]).toEqual([
          '/user',
          'alice@example.com',
          '0123456789abcdef0123456789abcdef01234',
        ]),
    ],
    [
      'okta',
      undefined,
      ({ url, headers }) =>
        expect([url, headers.authorization]).toEqual(['/api/v1/users/me', 'SSWS 00ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn']),
    ],
    [
      'docker-hub',
      undefined,
      ({ url, body }) =>
        expect([url, JSON.parse(body)]).toEqual([
          '/v2/auth/token',
          { identifier: 'Alice', secret: 'dckr_pat_ABCDEFGHIJKLMNOPQRSTUVW' },
        ]),
    ],
  ]
  it.each(rows)('%s, %s', async (kind, name, check) => {
    const row = first(kind, name)
    const { asked } = await drive(kind, row.target, row.secret, () => row.given)
    expect(asked).toHaveLength(1)
    for (const one of asked) {
      check(one)
      expect(one.headers['user-agent']).toBe('Revenant/0 (conformance)')
    }
  })

  it.each(FILES.map((file) => file.slice(0, -5)))('%s: decoys send no real secret', async (kind) => {
    const row = first(kind)
    const server = await openHttp(() => ({ status: 500 }))
    try {
      const bound = (await loadProbe(kind)).bind(row.target(server.origin))
      for (const of of ['nobody', 'stranger', 'same-principal'] as const) {
        const decoy = bound.secret(row.secret).decoy(of)
        if (decoy !== undefined) expect((await replay(bound, decoy)).judgement.reason).toBe('server_error')
      }
      const sent = JSON.stringify(server.asked)
      const basics = server.asked.map((asked) => basicOf(asked) ?? '').join(' ')
      const hidden = Object.entries(Object(row.secret)).filter(([name]) => !['email', 'username', 'team', 'hook'].includes(name))
      for (const [, value] of hidden) expect(`${sent} ${basics}`).not.toContain(value)
      expect(server.asked.length).toBeGreaterThanOrEqual(2)
    } finally {
      await server.stop()
    }
  })
})

describe('kinds of token that share a field', () => {
  const ACCOUNT = { accountId: '0'.repeat(32) }
  const token = (prefix: string) => ({ token: `${prefix}ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklm` })
  const formOf = async (kind: string, secret: unknown, target: object = {}) =>
    (await loadProbe(kind)).bind(target).secret(secret).form
  it.each([
    ['an account’s token without the account', token('cfat_'), {}],
    ['one without a prefix, where all are the account’s', token(''), { owner: 'account' }],
  ])('cloudflare does not send %s', async (_, secret, target) => {
    const { judgement, asked } = await drive(
      'cloudflare',
      (baseUrl) => ({ baseUrl, ...target }),
      secret,
      () => ({ status: 500 }),
    )
    expect(asked).toEqual([])
    expect(judgement).toMatchObject({ verdict: 'inconclusive', reason: 'secret_unavailable' })
  })
  it.each<[string, object, string]>([
    ['', { ...ACCOUNT, owner: 'user' }, '/user/tokens/verify'],
    ['', { ...ACCOUNT, owner: 'account' }, `/accounts/${ACCOUNT.accountId}/tokens/verify`],
    ['cfut_', { ...ACCOUNT, owner: 'account' }, '/user/tokens/verify'],
    ['cfat_', { ...ACCOUNT, owner: 'user' }, `/accounts/${ACCOUNT.accountId}/tokens/verify`],
  ])('cloudflare: the prefix "%s" at %j goes to %s', async (prefix, target, url) => {
    const { asked } = await drive(
      'cloudflare',
      (baseUrl) => ({ baseUrl, ...target }),
      token(prefix),
      () => ({ status: 500 }),
    )
    expect(asked.map((one) => one.url)).toEqual([url])
  })
  it.each<[string, unknown, unknown, boolean, object?]>([
    ['cloudflare', token('cfut_'), token('cfut_A'), true],
    ['cloudflare', token('cfut_'), token('cfat_'), false, ACCOUNT],
    ['cloudflare', token('cfat_'), token('cfat_A'), true, ACCOUNT],
    // Nobody says whose these are: no canary vouches for them, not even one of the same look.
    ['cloudflare', token(''), token(''), false],
    ['cloudflare', token(''), token(''), false, ACCOUNT],
    ['cloudflare', token(''), token('A'), true, { owner: 'user' }],
    ['cloudflare', token(''), token('cfut_'), true, { owner: 'user' }],
    ['cloudflare', token(''), token('cfut_'), false, { ...ACCOUNT, owner: 'account' }],
    ['cloudflare', { email: 'a@b.example', globalKey: 'k1' }, { email: 'c@d.example', globalKey: 'k2' }, true],
    ['cloudflare', { email: 'a@b.example', globalKey: 'k1' }, token('cfut_'), false],
    ['github', { token: 'ghp_a' }, { token: 'github_pat_a' }, true],
    ['github', { token: 'ghp_a' }, { token: 'ghs_a' }, false],
    ['docker-hub', { username: 'a', password: 'dckr_pat_a' }, { username: 'b', password: 'dckr_pat_b' }, true],
    ['docker-hub', { username: 'a', password: 'dckr_pat_a' }, { username: 'b', password: 'hunter2' }, false],
    ['docker-hub', { username: 'a', password: 'hunter1' }, { username: 'b', password: 'hunter2' }, true],
  ])('%s: a canary %j vouches for %j: %s', async (kind, canary, credential, vouches, target) => {
    expect((await formOf(kind, canary, target)) === (await formOf(kind, credential, target))).toBe(vouches)
  })
})

describe('bound to the right place', () => {
  const rows: [string, object, string, string][] = [
    ['github', {}, 'https://api.github.com', 'verified'],
    ['github', { baseUrl: 'https://ghe.example.com/api/v3' }, 'https://ghe.example.com', 'verified'],
    ['github', { baseUrl: 'https://ghe.example.com/api/v3', tls: 'insecure' }, 'https://ghe.example.com', 'insecure'],
    ['gitlab', {}, 'https://gitlab.com', 'verified'],
    ['datadog', {}, 'https://api.datadoghq.com', 'verified'],
    ['datadog', { site: 'datadoghq.eu' }, 'https://api.datadoghq.eu', 'verified'],
    ['vault', { address: 'http://127.0.0.1:8200' }, 'http://127.0.0.1:8200', 'clear'],
    ['okta', { baseUrl: 'https://acme.okta.com' }, 'https://acme.okta.com', 'verified'],
  ]
  it.each(rows)('%s %j', async (kind, target, origin, transport) => {
    expect((await loadProbe(kind)).bind(target)).toMatchObject({ origin, transport })
  })
  it.each([
    ['okta', {}],
    ['vault', {}],
    ['github', { baseUrl: 'github.com' }],
    ['github', { surprise: 1 }],
    ['github', { baseUrl: 'https://x/?a=b' }],
    ['datadog', { site: 'evil.example' }],
    ['vault', { address: 'https://x', namespace: 'a\r\nb' }],
    ['github', { tls: 'disable' }],
  ])('%s refuses %j', async (kind, target) => expect((await loadProbe(kind)).targetSchema.safeParse(target).success).toBe(false))
  it.each([
    ['jira', { email: 'a@b.c' }],
    ['jira', { email: 'a@b.c', apiToken: 'x', personalAccessToken: 'y' }],
    ['github', {}],
    ['github', { token: ' ' }],
    ['slack-webhook', { team: 'x/../y', hook: 'B1', key: 'k' }],
  ])('%s refuses the secret %j', async (kind, secret) =>
    expect((await loadProbe(kind)).secretSchema.safeParse(secret).success).toBe(false),
  )
})

describe('the registry', () => {
  it('lists every file and every typed probe, sorted', () => {
    expect(PROBE_KINDS).toEqual([...PROBE_KINDS].toSorted())
    for (const file of FILES) expect(PROBE_KINDS).toContain(file.replace('.yaml', ''))
    for (const kind of ['docker-registry', 'http', 'ldap', 'postgres', 'ssh']) expect(PROBE_KINDS).toContain(kind)
  })
  it('says what was meant', async () => {
    await expect(loadProbe('gitub')).rejects.toMatchObject({ code: 'PROBE_UNKNOWN', message: expect.stringContaining('github') })
    await expect(loadProbe('zzzzzzzzz')).rejects.toMatchObject({
      code: 'PROBE_UNKNOWN',
      message: expect.stringContaining('There are:'),
    })
    await expect(loadProbe('../package')).rejects.toMatchObject({ code: 'PROBE_UNKNOWN' })
  })
  it('loads once', async () => expect(await loadProbe('github')).toBe(await loadProbe('github')))
})

describe('the format', () => {
  const GOOD = `kind: x
summary: a system
documentation: [https://example.com/]
target:
  baseUrl: { type: url, describe: where }
  region: { type: choice, describe: which, of: [eu, us], optional: true }
base: "{target.baseUrl}"
alsoReaches: ["{target.baseUrl}"]
secret:
  fields:
    user: { describe: name, public: true, decoy: username }
    key: { describe: key }
    extra: { describe: more }
  forms: [[user, key], [user, key, extra]]
derived:
  where: { from: "{secret.key}", prefixes: { "eu-": europe, "us-": america } }
  tail: { from: "{secret.key}", split: { by: "-", take: -1 }, replace: [{ find: "0", with: "o" }], encode: base64, prefix: "<", suffix: ">" }
account: { value: "{secret.user}" }
expects: "{secret.user}"
requests:
  - name: one
    if: [{ value: "{secret.extra}", present: true }]
    method: POST
    path: /form
    body: { form: { k: "{secret.key}", e: "{secret.extra}" } }
    rules: [{ when: { status: 200, json: { /ok: true } }, verdict: accepted, reason: authenticated, source: test }]
  - name: two
    path: "/v1/{secret.user}/{derived.where}"
    query: { k: "{secret.key}", r: "{target.region}" }
    headers: { x-tail: "{derived.tail}" }
    constantHeaders: { x-version: "2" }
    cookies: { c: "{secret.user}" }
    rules: [{ when: { status: 200, json: { /ok: true } }, verdict: accepted, reason: authenticated, source: test }]
`
  const SECRET = { user: 'a/b', key: 'eu-1&0' }
  it('escapes each value for the place where it goes', async () => {
    const server = await openHttp(() => ({ status: 200, body: { ok: true } }))
    try {
      const bound = catalogueProbe(GOOD, 'x.yaml').bind({ baseUrl: `${server.origin}/base/` })
      expect(bound.secret(SECRET)).toMatchObject({ account: 'a/b', expects: 'a/b' })
      await replay(bound, bound.secret(SECRET))
      await replay(bound, bound.secret({ ...SECRET, user: 'u', extra: 'é&=' }))
      expect(server.asked[0]).toMatchObject({
        method: 'GET',
        url: '/base/v1/a%2Fb/europe?k=eu-1%260',
        headers: { 'x-tail': `<${Buffer.from('1&o').toString('base64')}>`, 'x-version': '2', cookie: 'c=a/b' },
      })
      expect(server.asked[1]).toMatchObject({ method: 'POST', url: '/base/form', body: 'k=eu-1%260&e=%C3%A9%26%3D' })
      expect(server.asked[1]?.headers['content-type']).toBe('application/x-www-form-urlencoded')
    } finally {
      await server.stop()
    }
  })
  it('has no nobody where the secret is in the path or the body', () => {
    const bound = catalogueProbe(GOOD, 'x.yaml').bind({ baseUrl: 'http://127.0.0.1:9' })
    expect(bound.secret(SECRET).decoy('nobody')).toBeUndefined()
  })
  it('sends a secret to the host that its prefix chooses, and to none that is not registered', async () => {
    const text = `kind: x
summary: two regions
documentation: [https://example.com/]
target:
  eu: { type: url, describe: one }
  us: { type: url, describe: other }
base: "{target.eu}"
alsoReaches: ["{target.us}"]
secret: { fields: { key: { describe: key } } }
derived:
  host: { from: "{secret.key}", prefixes: { "evil-": "http://127.0.0.1:9" } }
requests:
  - { name: us, if: [{ value: "{secret.key}", startsWith: [us-] }], base: "{target.us}", path: /me, headers: { key: "{secret.key}" } }
  - { name: evil, if: [{ value: "{derived.host}", present: true }], base: "{derived.host}", path: /me, headers: { key: "{secret.key}" } }
  - { name: eu, path: /me, headers: { key: "{secret.key}" } }
rules: [{ when: { status: 200, json: { /ok: true } }, verdict: accepted, reason: authenticated, source: test }]
`
    const [eu, us] = await Promise.all([
      openHttp(() => ({ status: 200, body: { ok: true } })),
      openHttp(() => ({ status: 200, body: { ok: true } })),
    ])
    try {
      const bound = catalogueProbe(text, 'x.yaml').bind({ eu: eu.origin, us: us.origin })
      expect(bound.origins).toEqual([eu.origin, us.origin])
      for (const key of ['eu-1', 'us-1']) expect((await replay(bound, bound.secret({ key }))).judgement.verdict).toBe('accepted')
      expect((await replay(bound, bound.secret({ key: 'evil-1' }))).judgement).toMatchObject({
        verdict: 'inconclusive',
        reason: 'config_error',
      })
      expect([eu.asked.map(({ headers }) => headers.key), us.asked.map(({ headers }) => headers.key)]).toEqual([
        ['eu-1'],
        ['us-1'],
      ])
    } finally {
      await Promise.all([eu.stop(), us.stop()])
    }
  })
  it('of the documentation is right', () => {
    const page = readFileSync(new URL('../../docs/catalogue.md', import.meta.url), 'utf8')
    const example = /```yaml\n(kind: example[\s\S]*?)```/.exec(page)?.[1] ?? ''
    expect(catalogueProbe(example, 'example.yaml').kind).toBe('example')
  })
  it.each(['.', '..'])('does not let %s climb out of the path', async (user) => {
    const { judgement, asked } = await climb(user)
    expect(asked).toBe(0)
    expect(judgement).toMatchObject({ verdict: 'inconclusive', reason: 'secret_unavailable' })
  })
  async function climb(user: string) {
    const server = await openHttp(() => ({ status: 200, body: { ok: true } }))
    const bound = catalogueProbe(GOOD, 'x.yaml').bind({ baseUrl: server.origin })
    const { judgement } = await replay(bound, bound.secret({ ...SECRET, user }))
    await server.stop()
    return { judgement, asked: server.asked.length }
  }

  const change = (from: string | RegExp, to: string) => {
    const changed = GOOD.replace(from, to)
    expect(changed).not.toBe(GOOD)
    return changed
  }
  const bad: [string, string, string, string, string][] = [
    ['an unknown key', 'summary: a system', 'summary: a system\nsurprise: 1', '(the whole file)', 'surprise'],
    [
      'an unknown key in a rule',
      'source: test }]\n  - name',
      'source: test, surprise: 1 }]\n  - name',
      'requests.0.rules.0',
      'surprise',
    ],
    ['a rule without its source', ', source: test }]\n  - name', ' }]\n  - name', 'requests.0.rules.0.source', ''],
    [
      'an unknown reason',
      'reason: authenticated, source: test }]\n  - name',
      'reason: nope, source: test }]\n  - name',
      'requests.0.rules.0.reason',
      '',
    ],
    [
      'a reason of another verdict',
      'reason: authenticated, source: test }]\n  - name',
      'reason: ambiguous, source: test }]\n  - name',
      'requests.0.rules.0.reason',
      'does not stand beside',
    ],
    [
      'accepting by status',
      '{ status: 200, json: { /ok: true } }, verdict: accepted, reason: authenticated, source: test }]\n  - name',
      '{ status: 200 }, verdict: accepted, reason: authenticated, source: test }]\n  - name',
      'requests.0.rules.0.when',
      'status alone',
    ],
    [
      'a bad pointer',
      '/ok: true } }, verdict: accepted, reason: authenticated, source: test }]\n  - name',
      'ok: true } }, verdict: accepted, reason: authenticated, source: test }]\n  - name',
      'requests.0.rules.0.when.json.ok',
      '',
    ],
    ['an unknown field', '{secret.key}", prefixes', '{secret.nothing}", prefixes', 'derived.where.from', 'no secret.nothing'],
    [
      'an address that depends on the secret',
      'base: "{target.baseUrl}"',
      'base: "https://{secret.user}"',
      'base',
      'cannot depend',
    ],
    ['an Authorization constant', 'x-version: "2"', 'authorization: "2"', 'requests.1.constantHeaders.authorization', ''],
    ['a body with GET', '    method: POST\n', '', 'requests.0.body', 'only a POST'],
    ['a hidden request', '    if: [{ value: "{secret.extra}", present: true }]\n', '', 'requests.0', 'hides'],
    ['an unknown form field', '[user, key, extra]]', '[user, key, other]]', 'secret.forms.1', 'no field other'],
    ['another name than the file', 'kind: x', 'kind: y', 'kind', 'x.yaml'],
  ]
  it.each(bad)('refuses %s and says where', (_name, from, to, path, says) => {
    const text = change(from, to)
    const run = () => catalogueProbe(text, 'x.yaml')
    expect(run).toThrow(expect.objectContaining({ code: 'CATALOGUE_INVALID' }))
    const message = messageOf(run)
    expect(message).toContain(`${path}: `)
    expect(message).toContain(says)
    const line = Number(/line (\d+)/.exec(message)?.[1])
    const changed = GOOD.slice(0, GOOD.indexOf(from)).split('\n').length
    if (path !== '(the whole file)') expect(Math.abs(line - changed)).toBeLessThanOrEqual(4)
  })
  it('lists all faults at once', () => {
    const text = change('summary: a system', 'summary: 1').replace('take: -1', 'take: x').replace('method: POST', 'method: PUT')
    const message = messageOf(() => catalogueProbe(text, 'x.yaml'))
    expect(message).toMatch(/line 2: summary: [\s\S]*line 17: derived\.tail\.split\.take: [\s\S]*line 23: requests\.0\.method: /)
  })
  it('says where the YAML is broken', () =>
    expect(messageOf(() => catalogueProbe('kind: x\n  a: b: c', 'x.yaml'))).toMatch(/not YAML:\n {2}line \d/))
  it('expands no aliases', () => expect(() => catalogueProbe(`a: &a [1]\nb: *a\n${GOOD}`, 'x.yaml')).toThrow())
})

function messageOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
  return ''
}

describe('every entry', () => {
  it('rejects strongly only by a code, of a known source, that the documentation lists with its proof', () => {
    const strong = FILES.flatMap((file) => {
      const { kind, requests, rules } = parseCatalogueEntry(readFileSync(new URL(file, FOLDER), 'utf8'), file)
      return [...requests.flatMap((request) => request.rules), ...rules]
        .filter(
          ({ verdict, strength, when }) =>
            verdict === 'rejected' && (strength ?? (readsCode(when) ? 'strong' : 'weak')) === 'strong',
        )
        .map((rule) => ({ ...rule, kind }))
    })
    for (const { kind, when, source } of strong) {
      expect([kind, source, readsCode(when)]).toEqual([kind, source, true])
      expect(source).not.toMatch(/memory|public/)
    }
    const page = readFileSync(new URL('../../docs/catalogue.md', import.meta.url), 'utf8')
    const listed = [...page.matchAll(/^\| `([a-z-]+)` \| [^|]+ \| `([a-z_]+)` \| strong \|/gm)].map(
      ([, kind, reason]) => `${kind} ${reason}`,
    )
    const inCatalogue = listed.filter((of) => FILES.includes(`${of.split(' ')[0]}.yaml`))
    expect(inCatalogue.toSorted()).toEqual(strong.map(({ kind, reason }) => `${kind} ${reason}`).toSorted())
  })
  it.each(FILES)('%s says where each rule comes from and carries no code', (file) => {
    const text = readFileSync(new URL(file, FOLDER), 'utf8')
    expect(text.match(/verdict:/g)?.length).toBe(text.match(/source:/g)?.length)
    expect(text).not.toMatch(/trufflehog|kingfisher|betterleaks|titus/i)
  })
})
