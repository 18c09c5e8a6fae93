import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { http } from '../../probes/http.ts'
import { loadProbe } from '../../probes/registry.ts'
import { replay } from '../conformance/replay.ts'
import { openHttp } from '../servers/hostile-http.ts'
import { drive, driveRow } from './drive.ts'
import { ANSWERS } from './http-answers.ts'

const accept = [{ when: { status: 200, json: { '/user': { exists: true } } } }]
const target = (origin: string) => ({ url: `${origin}/me`, credential: 'bearer', accept })
const TOKEN = 'tok-ABCDEFGHIJKLMNOPQRSTUVWXYZ012345'
const fine = () => ({ status: 200, body: { user: 'alice' } })

describe('what answers mean', () => {
  it.each(ANSWERS.filter(({ kind }) => kind === 'http'))('$name: $verdict / $reason', async (row) => void (await driveRow(row)))
})

describe('where the credential goes', () => {
  const rows: [string, unknown, unknown, (asked: { url: string; headers: Record<string, unknown> }) => void][] = [
    ['bearer', 'bearer', { token: TOKEN }, ({ headers }) => expect(headers.authorization).toBe(`Bearer ${TOKEN}`)],
    [
      'basic',
      'basic',
      { username: 'a', password: 'b:ü' },
      ({ headers }) => expect(headers.authorization).toBe(`Basic ${Buffer.from('a:b:ü').toString('base64')}`),
    ],
    ['a header', { header: 'X-Key', prefix: 'Token ' }, { key: 'k' }, ({ headers }) => expect(headers['x-key']).toBe('Token k')],
    ['a parameter', { query: 'api key' }, { key: 'a&b=c/d' }, ({ url }) => expect(url).toBe('/me?v=1&api%20key=a%26b%3Dc%2Fd')],
    ['a cookie', { cookie: 'sid' }, { cookie: 'c' }, ({ headers }) => expect(headers.cookie).toBe('sid=c')],
  ]
  it.each(rows)('%s', async (_name, credential, secret, check) => {
    const { asked, judgement } = await drive(
      'http',
      (origin) => ({ ...target(`${origin}`), url: `${origin}/me?v=1`, credential }),
      secret,
      fine,
    )
    expect(judgement.verdict).toBe('accepted')
    expect(asked).toHaveLength(1)
    const [one] = asked
    if (one !== undefined) check(one)
    expect(one?.headers['user-agent']).toBe('Revenant/0 (conformance)')
  })

  it('a HEAD is judged by a header', async () => {
    const head = (origin: string) => ({
      ...target(origin),
      method: 'HEAD',
      accept: [{ when: { status: 200, header: { 'x-user': { empty: false } } } }],
      principal: { header: 'x-user' },
    })
    const { judgement } = await drive('http', head, { token: TOKEN }, () => ({ status: 200, headers: { 'x-user': 'alice' } }))
    expect(judgement).toMatchObject({ verdict: 'accepted', principal: 'alice' })
  })

  it('a POST sends the constant body', async () => {
    const post = (origin: string) => ({
      ...target(origin),
      method: 'POST',
      effects: ['writes'],
      body: '{}',
      headers: { 'content-type': 'application/json' },
    })
    const { asked } = await drive('http', post, { token: TOKEN }, fine)
    expect(asked[0]).toMatchObject({ method: 'POST', body: '{}' })
  })

  it('refuses a secret that does not fit the placement before the wire', async () => {
    const { asked, judgement } = await drive('http', target, { key: 'k' }, fine)
    expect(asked).toHaveLength(0)
    expect(judgement).toMatchObject({ verdict: 'inconclusive', reason: 'secret_unavailable' })
  })
})

describe('decoys', () => {
  it('nobody sends no credential; the others send a made-up one', async () => {
    const server = await openHttp(({ headers }) =>
      headers.authorization === undefined
        ? { status: 401 }
        : { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } },
    )
    try {
      const bound = (await loadProbe('http')).bind(target(server.origin))
      for (const of of ['nobody', 'stranger', 'same-principal'] as const) {
        const decoy = bound.secret({ token: TOKEN }).decoy(of)
        expect(decoy).toBeDefined()
        if (decoy !== undefined) expect((await replay(bound, decoy)).judgement.verdict).toBe('rejected')
      }
      const sent = server.asked.map(({ headers }) => headers.authorization)
      expect(sent[0]).toBeUndefined()
      expect(sent[1]).toMatch(/^Bearer tok-[A-Z]{26}\d{6}$/)
      expect(new Set([...sent, `Bearer ${TOKEN}`]).size).toBe(4)
    } finally {
      await server.stop()
    }
  })
  it('nobody is left out where the target says so', async () => {
    const bound = (await loadProbe('http')).bind({ ...target('http://127.0.0.1:9'), nobody: false })
    expect(bound.secret({ token: TOKEN }).decoy('nobody')).toBeUndefined()
  })
  it('of a password keep the account only to confirm', async () => {
    const bound = (await loadProbe('http')).bind({ ...target('http://127.0.0.1:9'), credential: 'basic' })
    const real = bound.secret({ username: 'Alice', password: 'x' })
    expect(real.account).toBe('alice')
    expect(real.decoy('same-principal')?.account).toBe('alice')
    expect(real.decoy('stranger')?.account).toMatch(/^revenant-decoy-[0-9a-f]{16}$/)
  })
})

describe('what a target may say', () => {
  const good = target('https://api.example.com')
  const bad: [string, object][] = [
    ['no accept rule', { accept: [] }],
    ['an accept rule by status alone', { accept: [{ when: { status: 200 } }] }],
    ['an accept rule by what is missing', { accept: [{ when: { status: 200, json: { '/error': { exists: false } } } }] }],
    ['an accept rule without a status', { accept: [{ when: { json: { '/a': 1 } } }] }],
    ['accepting any page', { accept: [{ when: { status: 200, body: 'html', header: { server: 'x' } } }] }],
    ['accepting a server error', { accept: [{ when: { status: '5xx', json: { '/a': 1 } } }] }],
    ['statusIsEnough outside 2xx', { accept: [{ when: { status: 401 }, statusIsEnough: true }] }],
    ['rejecting by 403 alone', { reject: [{ when: { status: 403 } }] }],
    ['rejecting by 429', { reject: [{ when: { status: 429, json: { '/a': 1 } } }] }],
    ['rejecting by 4xx', { reject: [{ when: { status: '4xx', json: { '/a': 1 } } }] }],
    ['a reason of another verdict', { reject: [{ when: { status: 401 }, reason: 'authenticated' }] }],
    ['a reason that is none', { reject: [{ when: { status: 401 }, reason: 'nope' }] }],
    ['a condition that is none', { reject: [{ when: { status: 401, surprise: 1 } }] }],
    ['a POST without an effect', { method: 'POST' }],
    ['a body with GET', { body: 'x' }],
    ['an Authorization header', { headers: { authorization: 'Bearer x' } }],
    ['a Cookie header', { headers: { Cookie: 'x=y' } }],
    ['a line break in a header', { headers: { 'x-a': 'b\r\nc: d' } }],
    ['a user in the address', { url: 'https://u:p@api.example.com/' }],
    ['another scheme', { url: 'ftp://api.example.com/' }],
    ['tls: disable with https', { tls: 'disable' }],
    ['tls: verify with http', { url: 'http://api.example.com/', tls: 'verify' }],
    ['an unknown key', { surprise: 1 }],
    ['a dangerous pattern', { accept: [{ when: { status: 200, textMatches: '(a+)+$' } }] }],
  ]
  it.each(bad)('refuses %s', (_name, change) => expect(http.target.safeParse({ ...good, ...change }).success).toBe(false))
  it('takes what it should', () => expect(http.target.safeParse(good).error).toBeUndefined())
  it.each([
    [{}, 'verified'],
    [{ tls: 'insecure' }, 'insecure'],
    [{ url: 'http://x/' }, 'clear'],
    [{ url: 'http://x/', tls: 'disable' }, 'clear'],
  ])('%j is %s', (change, transport) => expect(http.transport(http.target.parse({ ...good, ...change }))).toBe(transport))
  it('tells effects by the target', async () => {
    const probe = await loadProbe('http')
    expect(probe.bind(good).effects).toEqual([])
    expect(probe.bind({ ...good, credential: { cookie: 'sid' } }).effects).toEqual(['prolongs-life'])
    expect(probe.bind({ ...good, method: 'POST', effects: ['writes'] }).effects).toEqual(['writes'])
  })
})

describe('what a secret may be', () => {
  it.each([
    {},
    '',
    null,
    { token: '' },
    { token: '   ' },
    { token: 'a\r\nb: c' },
    { token: 'a', key: 'b' },
    { username: 'a' },
    { username: 'a:b', password: 'c' },
    { cookie: 'a; b=c' },
  ])('refuses %j', (secret) => expect(http.secret.safeParse(secret).success).toBe(false))
})

describe('what is kept of an answer', () => {
  it('never the address’s query, a cookie, or a secret that the server quotes', async () => {
    const secret = { key: 'k3y-ABCDEFGHIJKLMNOP' }
    const query = (origin: string) => ({
      ...target(origin),
      url: `${origin}/me?tenant=t`,
      credential: { query: 'key' },
      principal: '/user',
    })
    for (const status of [200, 302, 401, 403]) {
      const { text } = await drive('http', query, secret, ({ url }) => ({
        status,
        headers: {
          location: url,
          'set-cookie': `sid=${secret.key}`,
          'www-authenticate': `Bearer realm="${secret.key}", error="${secret.key}"`,
        },
        body: { user: secret.key },
      }))
      expect(text).not.toContain(secret.key)
      expect(text).not.toContain('tenant')
    }
  })
  it('drains the body, so that the connection can be used again', async () => {
    const server = await openHttp(() => ({ status: 200, body: { user: 'a', rest: 'x'.repeat(200_000) } }))
    try {
      const bound = (await loadProbe('http')).bind(target(server.origin))
      for (let at = 0; at < 3; at++)
        expect((await replay(bound, bound.secret({ token: TOKEN }))).judgement.verdict).toBe('accepted')
    } finally {
      await server.stop()
    }
  })
  it('gives up on an endless body', async () => {
    const { judgement } = await drive('http', target, { token: TOKEN }, () => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: `{"user":"${'x'.repeat(2_000_000)}"}`,
    }))
    expect(judgement).toMatchObject({ verdict: 'inconclusive', reason: 'protocol_error' })
  })
  it('is not confused by interim answers', async () => {
    const server = createServer((socket) => {
      socket.once('data', () =>
        socket.end('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n'),
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const bound = (await loadProbe('http')).bind(target(`http://127.0.0.1:${port}`))
    const { judgement } = await replay(bound, bound.secret({ token: TOKEN }))
    server.close()
    expect(judgement).toMatchObject({ verdict: 'rejected', strength: 'weak', wire: { status: 401 } })
  })
})
