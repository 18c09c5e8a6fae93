import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openAuthenticate } from '../../src/api/access/authenticate.ts'
import { newOpaque } from '../../src/api/access/opaque.ts'
import { NONE, NOTHING, type Route, route } from '../../src/api/route.ts'
import { serveRoutes } from '../../src/api/serve.ts'
import { openServer, type Server, type ServerOptions } from '../../src/api/server.ts'
import { openThrottle } from '../../src/api/throttle.ts'
import { RevenantError } from '../../src/domain/error.ts'
import { endApiToken } from '../../src/store/api-token.ts'
import { type Authority, makeAuthority } from '../servers/certificates.ts'
import { type AccessHouse, bearer, json, openAccessHouse } from './access-house.ts'

const problem = z.looseObject({
  type: z.literal('about:blank'),
  status: z.int(),
  detail: z.string(),
  code: z.string().optional(),
})

let runs = 0
let hold: PromiseWithResolvers<void> | undefined
let later: (() => Promise<void>) | undefined
const streams: Readable[] = []
const base = { tag: 'overview', permission: 'operate', params: NOTHING, query: NOTHING, body: NONE, answer: z.any() } as const
const TEST_ROUTES: readonly Route[] = [
  route({
    ...{ ...base, method: 'POST', path: '/v1/test/things', id: 'testThings', summary: 'x', status: 201 },
    body: z.strictObject({ name: z.string().max(5), fail: z.boolean().exactOptional(), once: z.boolean().exactOptional() }),
    handle: async (_context, { body }) => {
      await hold?.promise
      runs++
      if (body.fail === true) throw new RevenantError('CONFLICT', 'not now')
      const answer = { body: { run: runs, name: body.name }, location: `/v1/test/things/${runs}` }
      return body.once === true ? { ...answer, once: true } : answer
    },
  }),
  route({
    ...{ ...base, method: 'POST', path: '/v1/test/nothing', id: 'testNothing', summary: 'x', status: 204 },
    handle: async () => ({ body: { run: ++runs } }),
  }),
  route({
    ...{ ...base, method: 'POST', path: '/v1/test/files', id: 'testFiles', summary: 'x', uploads: ['text/csv'] },
    handle: async ({ upload, uploadType }) => {
      let bytes = 0
      for await (const chunk of upload ?? []) bytes += chunk.length
      return { body: { run: ++runs, bytes, type: uploadType } }
    },
  }),
  route({
    ...{ ...base, method: 'GET', path: '/v1/test/things/{id}', id: 'testThing', summary: 'x', permission: 'read' },
    params: z.strictObject({ id: z.string().regex(/^\d+$/, { error: 'must be a number' }) }),
    handle: async (_context, { params: { id } }) => {
      if (id === '500') throw new Error('Zq7secretZq7 of a driver')
      if (id === '404') throw new RevenantError('NOT_FOUND', 'there is none')
      if (id === '503') throw new RevenantError('DATABASE_UNAVAILABLE', 'Zq7secretZq7')
      if (id === '57') throw Object.assign(new Error('Zq7secretZq7 of a driver'), { code: '57P01' })
      return { body: { id }, next: 'c' }
    },
  }),
  route({
    ...{ ...base, method: 'PUT', path: '/v1/test/things/{id}', id: 'testPut', summary: 'x' },
    params: z.strictObject({ id: z.string() }),
    body: z.strictObject({ name: z.string() }),
    handle: async ({ requireMatch }, { params: { id } }) => {
      requireMatch({ id })
      return { body: { id } }
    },
  }),
  route({
    ...{ ...base, method: 'GET', path: '/v1/test/events', id: 'testEvents', summary: 'x', permission: 'read' },
    answer: NONE,
    type: 'text/event-stream',
    handle: async () => {
      const stream = new Readable({ read() {} })
      stream.push(': hello\n\n')
      streams.push(stream)
      return { stream, type: 'text/event-stream' }
    },
  }),
  route({
    ...{ ...base, method: 'POST', path: '/v1/test/holds', id: 'testHolds', summary: 'x' },
    handle: async ({ holds, credential, deps }) => {
      const before = await holds()
      await endApiToken(deps.db, credential?.id ?? '', 'test', deps.now())
      return { body: { before, after: await holds() } }
    },
  }),
  route({
    ...{ ...base, method: 'POST', path: '/v1/test/later', id: 'testLater', summary: 'x' },
    handle: async ({ holds }) => {
      await later?.()
      return { body: { holds: await holds() } }
    },
  }),
  route({
    ...{ ...base, method: 'POST', path: '/v1/test/work', id: 'testWork', summary: 'x', cost: 'heavy' },
    handle: async () => ({ body: {} }),
  }),
]

describe('the kernel of the API', () => {
  let house: AccessHouse
  let token: string
  beforeAll(async () => {
    house = await openAccessHouse({ routes: TEST_ROUTES })
    token = await house.token('operator')
  })
  afterAll(() => house.stop())

  const ask = (path: string, init: RequestInit = {}) => house.ask(`/v1/test/${path}`, bearer(token, init))
  const told = async (answer: Response) => {
    const text = await answer.text()
    if (answer.status < 400) return [answer.status, JSON.parse(text)]
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
    const { status, code } = problem.parse(JSON.parse(text))
    expect(status).toBe(answer.status)
    return code === undefined ? [status] : [status, code]
  }
  const keyed = (path: string, key: string, init: RequestInit) =>
    ask(path, { ...init, headers: { ...init.headers, 'idempotency-key': key } })

  describe('refuses', () => {
    it.each<[string, string, RequestInit, unknown[]]>([
      ['an address that is none', 'nowhere', {}, [404]],
      ['a body to an address that is none', 'nowhere', json({ a: 1 }), [404]],
      ['a form that it does not give', 'things/1', { headers: { accept: 'text/html' } }, [406]],
      ['a parameter that is wrong', 'things/x', {}, [400]],
      ['a parameter that is unknown', 'things/1?x=1', {}, [400]],
      ['what is not there', 'things/404', {}, [404, 'NOT_FOUND']],
      ['a field that is wrong', 'things', json({ name: 'too long' }), [400]],
      ['a field that is unknown', 'things', json({ name: 'a', x: 1 }), [400]],
      ['a field of the prototype', 'things', { ...json(0), body: '{"name":"a","__proto__":{"x":1}}' }, [400]],
      ['what is no JSON', 'things', { ...json(0), body: '{' }, [400]],
      ['an empty body that should be JSON', 'things', { ...json(0), body: '' }, [400]],
      ['no body where one is due', 'things', { method: 'POST' }, [400]],
      ['another type', 'things', { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } }, [415]],
      ['no type', 'things', { method: 'POST', body: new Uint8Array([1]) }, [415]],
      ['a form', 'things', { method: 'POST', body: new URLSearchParams({ name: 'a' }) }, [415]],
      ['a file where none is due', 'things', { method: 'POST', body: 'x', headers: { 'content-type': 'text/csv' } }, [415]],
      ['JSON where a file is due', 'files', json({}), [415]],
      ['a body where none is due', 'nothing', { method: 'POST', body: 'x', headers: { 'content-type': 'text/csv' } }, [415]],
      ['a body that is too large', 'things', json({ name: 'x'.repeat(1_100_000) }), [413]],
      ['a state that forbids it', 'things', json({ name: 'a', fail: true }), [409, 'CONFLICT']],
      ['what it cannot do', 'things/500', {}, [500]],
      ['while the database is away', 'things/503', {}, [503, 'DATABASE_UNAVAILABLE']],
      ['while the driver says so', 'things/57', {}, [503, 'DATABASE_UNAVAILABLE']],
      [
        'a key that is none',
        'things',
        { ...json({ name: 'a' }), headers: { 'content-type': 'application/json', 'idempotency-key': 'a b' } },
        [400],
      ],
    ])('%s', async (_what, path, init, expected) => {
      const answer = await ask(path, init)
      const text = await answer.clone().text()
      expect(text).not.toContain('Zq7secret')
      expect(await told(answer)).toEqual(expected)
    })

    it.each([
      ['things/1', 'POST', 'GET, HEAD, PUT'],
      ['things', 'GET', 'POST'],
      ['things', 'OPTIONS', 'POST'],
      ['events', 'HEAD', 'GET'],
      ['events', 'DELETE', 'GET'],
    ])('%s with %s, and says what it takes', async (path, method, allowed) => {
      const answer = await ask(path, method === 'POST' ? json({}) : { method })
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, allowed])
    })

    it('before it reads a body: nobody, and whose role is too low', async () => {
      const viewer = await house.token('viewer')
      const { port } = new URL(house.server.address)
      for (const [authorization, status] of [
        ['', 401],
        [`authorization: Bearer ${viewer}\r\n`, 403],
      ] as const) {
        const answer = await new Promise<string>((resolve) => {
          const socket = connect(Number(port), '127.0.0.1', () =>
            socket.write(
              `POST /v1/test/things HTTP/1.1\r\nhost: localhost\r\n${authorization}content-type: application/json\r\ncontent-length: 500000\r\n\r\n{`,
            ),
          )
          socket.once('data', (chunk) => {
            socket.destroy()
            resolve(chunk.toString())
          })
        })
        expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
      }
    })

    it('says in the log what failed, not to whoever asked', () => {
      expect(house.logged()).toContain('"operation":"testThing"')
      expect(house.logged()).toContain('a request found no database')
    })
  })

  it('gives ETags, and nothing to whoever has it', async () => {
    const answer = await ask('things/1')
    const etag = answer.headers.get('etag') ?? ''
    expect([answer.status, answer.headers.get('link'), answer.headers.get('cache-control')]).toEqual([
      200,
      '</v1/test/things/1?cursor=c>; rel="next"',
      'private, no-cache',
    ])
    const same = await ask('things/1', { headers: { 'if-none-match': etag } })
    expect([same.status, await same.text()]).toEqual([304, ''])
    const head = await ask('things/1', { method: 'HEAD' })
    expect([head.status, head.headers.get('etag'), await head.text()]).toEqual([200, etag, ''])
    const put = (tag: string) =>
      ask('things/1', { ...json({ name: 'a' }, 'PUT'), headers: { 'content-type': 'application/json', 'if-match': tag } })
    expect((await put(etag)).status).toBe(200)
    expect((await put('*')).status).toBe(200)
    expect((await put('"other"')).status).toBe(412)
    expect((await put(`W/${etag}`)).status).toBe(412)
  })

  describe('a key', () => {
    it('does a thing once, and gives its answer again', async () => {
      const before = runs
      const first = await keyed('things', 'k1', json({ name: 'a' }))
      const text = await first.text()
      expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null])
      const again = await keyed('things', '"k1"', json({ name: 'a' }))
      expect([
        again.status,
        again.headers.get('idempotency-replayed'),
        again.headers.get('location'),
        await again.text(),
      ]).toEqual([...[201, 'true', first.headers.get('location'), text]])
      expect(runs).toBe(before + 1)
      expect(await told(await keyed('things', 'k1', json({ name: 'b' })))).toEqual([422, 'KEY_OF_ANOTHER'])
      expect(await told(await keyed('nothing', 'k1', { method: 'POST' }))).toEqual([422, 'KEY_OF_ANOTHER'])
      expect(runs).toBe(before + 1)
      // Another actor's key is another key.
      const other = await house.token('operator')
      const init = { ...json({ name: 'a' }), headers: { 'content-type': 'application/json', 'idempotency-key': 'k1' } }
      expect((await house.ask('/v1/test/things', bearer(other, init))).status).toBe(201)
      expect(runs).toBe(before + 2)
    })

    it('does it once, though many come at the same time', async () => {
      const before = runs
      hold = Promise.withResolvers()
      const { promise: allButOne, resolve } = Promise.withResolvers<void>()
      const answers: Response[] = []
      const asked = Array.from({ length: 6 }, async () => {
        answers.push(await keyed('things', 'k2', json({ name: 'a' })))
        if (answers.length === 5) resolve()
      })
      await allButOne
      for (const answer of answers) expect(await told(answer)).toEqual([409, 'KEY_IN_USE'])
      hold.resolve()
      await Promise.all(asked)
      expect(answers.at(-1)?.status).toBe(201)
      hold = undefined
      expect(runs).toBe(before + 1)
    })

    it('may be used again for what failed', async () => {
      expect(await told(await keyed('things', 'k3', json({ name: 'a', fail: true })))).toEqual([409, 'CONFLICT'])
      expect(await told(await keyed('things', 'k3', json({ name: 'too long' })))).toEqual([400])
      expect((await keyed('things', 'k3', json({ name: 'a' }))).status).toBe(201)
    })

    it('is forgotten after a day, and where its process died', async () => {
      const from = house.clock.now
      const before = runs
      await keyed('things', 'k4', json({ name: 'a' }))
      house.clock.now = from.add({ hours: 24, seconds: 1 })
      expect((await keyed('things', 'k4', json({ name: 'b' }))).status).toBe(201)
      await house.deps.db
        .insertInto('idempotency')
        .values({ actor: 'token:dead', key: 'k5', digest: null, created_at: from.toString() })
        .execute()
      const dead = await house.token('operator', { name: 'dead' })
      const init = { ...json({ name: 'a' }), headers: { 'content-type': 'application/json', 'idempotency-key': 'k5' } }
      house.clock.now = from.add({ minutes: 14 })
      expect((await house.ask('/v1/test/things', bearer(dead, init))).status).toBe(409)
      house.clock.now = from.add({ minutes: 16 })
      expect((await house.ask('/v1/test/things', bearer(dead, init))).status).toBe(201)
      expect(runs).toBe(before + 3)
      house.clock.now = from
    })

    it('keeps no answer that is shown once', async () => {
      expect((await keyed('things', 'k6', json({ name: 'Zq8', once: true }))).status).toBe(201)
      expect(await told(await keyed('things', 'k6', json({ name: 'Zq8', once: true })))).toEqual([409, 'SHOWN_ONCE'])
      expect(JSON.stringify(await house.deps.db.selectFrom('idempotency').select('body').execute())).not.toContain('Zq8')
    })

    it('holds for files by what is in them, and for answers without content', async () => {
      const csv = (text: string) => ({ method: 'POST', body: text, headers: { 'content-type': 'text/csv; charset=utf-8' } })
      const before = runs
      expect(await told(await keyed('files', 'k7', csv('a,b\n')))).toEqual([200, { run: before + 1, bytes: 4, type: 'text/csv' }])
      expect(await told(await keyed('files', 'k7', csv('a,b\n')))).toEqual([200, { run: before + 1, bytes: 4, type: 'text/csv' }])
      expect(await told(await keyed('files', 'k7', csv('a,c\n')))).toEqual([422, 'KEY_OF_ANOTHER'])
      expect((await keyed('nothing', 'k8', { method: 'POST' })).status).toBe(204)
      const again = await keyed('nothing', 'k8', { method: 'POST' })
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([204, 'true'])
      expect(runs).toBe(before + 2)
    })
  })

  it('knows when whoever asked may no more', async () => {
    const revoked = await house.token('operator')
    const answer = await house.ask('/v1/test/holds', bearer(revoked, { method: 'POST' }))
    expect(await answer.json()).toEqual({ before: true, after: false })
  })

  it('hears what holds though its address brings wrong tokens, and counts that as no use', async () => {
    const from = house.clock.now
    const good = await house.token('operator', { name: 'listener' })
    later = async () => {
      const wrong = () => house.ask('/v1/test/things/1', bearer(`rvt_${'x'.repeat(43)}`))
      for (let tries = 0; tries < 10; tries++) expect((await wrong()).status).toBe(401)
      expect(await told(await wrong())).toEqual([429, 'TOO_MANY'])
      house.clock.now = from.add({ minutes: 5 })
    }
    const answer = await house.ask('/v1/test/later', bearer(good, { method: 'POST' }))
    expect(await answer.json()).toEqual({ holds: true })
    const row = await house.deps.db.selectFrom('api_token').select('used_at').where('name', '=', 'listener').executeTakeFirst()
    expect(row?.used_at?.toString()).toBe(from.toString())
    house.clock.now = from
    house.deps.access.tokens = openThrottle()
  })

  it('bounds what each may ask for', async () => {
    const eager = await house.token('operator')
    const asked = () => house.ask('/v1/test/work', bearer(eager, { method: 'POST' }))
    const first = await asked()
    expect([first.status, first.headers.get('ratelimit'), first.headers.get('ratelimit-policy')]).toEqual([
      ...[200, '"heavy";r=9;t=6', '"heavy";q=10;w=60'],
    ])
    for (let more = 0; more < 9; more++) expect((await asked()).status).toBe(200)
    const refused = await asked()
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await told(refused)).toEqual([429, 'TOO_MANY'])
    // Light work goes on, and so does everybody else.
    expect((await house.ask('/v1/test/things/1', bearer(eager))).status).toBe(200)
    expect((await ask('work', { method: 'POST' })).status).toBe(200)
  })

  it('carries its headers on every answer', async () => {
    for (const path of ['/v1/test/things/1', '/v1/nowhere', '/nowhere', '/v1/test/things']) {
      const { headers } = await house.ask(path)
      expect(Object.fromEntries(headers)).toMatchObject({
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      })
      expect(headers.get('permissions-policy')).toContain('camera=()')
      expect(headers.get('access-control-allow-origin')).toBeNull()
      expect(headers.get('strict-transport-security')).toBeNull()
    }
  })

  describe('the server', () => {
    let authority: Authority
    beforeAll(async () => {
      authority = await makeAuthority()
    })
    afterAll(() => authority.remove())
    const open = (options: Partial<ServerOptions>): Promise<Server> =>
      openServer({
        listen: { host: '127.0.0.1', port: 0 },
        logger: house.deps.logger,
        addPages: (app) => {
          serveRoutes(app, { routes: TEST_ROUTES, deps: house.deps, authenticate: openAuthenticate(house.deps) })
          app.get('/seen', async ({ ip, protocol, host }) => ({ ip, protocol, host }))
          app.get('/metrics', async () => 'x')
        },
        ...options,
      })

    it.each([
      ['localhost', '/seen', 200],
      ['LOCALHOST.', '/seen', 200],
      ['127.0.0.1:1', '/seen', 200],
      ['[::1]:1', '/seen', 200],
      ['revenant.example.com', '/seen', 200],
      ['evil.example', '/seen', 421],
      ['evil.example', '/v1/test/things/1', 421],
      ['evil.example', '/metrics', 421],
      ['127.0.0.1.evil.example', '/seen', 421],
    ])('asked as %s for %s answers %i', async (host, path, status) => {
      const server = await open({ names: ['revenant.example.com'] })
      try {
        expect(await statusOf(server, `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)).toBe(status)
      } finally {
        await server.close()
      }
    })

    it('bounds by address what those ask for who are nobody, and nobody else with them', async () => {
      const server = await open({})
      const asked = async (headers: Record<string, string>) => {
        const answer = await fetch(`${server.address}/v1/test/things/1`, { headers: { connection: 'close', ...headers } })
        await answer.body?.cancel()
        return { status: answer.status, wait: Number(answer.headers.get('retry-after')) }
      }
      const port = new URL(server.address).port
      const guess = () => ({ cookie: `revenant-session-${port}=${newOpaque()}` })
      const me = { authorization: `Bearer ${token}` }
      let lookedUp = 0
      const { db } = house.deps
      const counting = new Proxy(db, {
        get: (of, name) => {
          if (name === 'selectFrom') lookedUp++
          const value: unknown = Reflect.get(of, name)
          return typeof value === 'function' ? value.bind(of) : value
        },
      })
      house.deps.db = counting
      try {
        expect((await asked(me)).status).toBe(200)
        const answers = []
        for (let tries = 0; tries < 100; tries++) answers.push(await asked(tries % 10 === 9 ? {} : guess()))
        const refused = answers.filter(({ status }) => status === 429)
        expect(answers.filter(({ status }) => status === 401).length + refused.length).toBe(100)
        // What came back meanwhile, on a slow machine, included.
        expect(refused.length).toBeGreaterThan(10)
        expect(refused.every(({ wait }) => wait > 0)).toBe(true)
        expect((await Promise.all(Array.from({ length: 40 }, () => asked(guess())))).some(({ status }) => status === 429)).toBe(
          true,
        )
        const before = lookedUp
        const late = await Promise.all(Array.from({ length: 20 }, () => asked(guess())))
        expect(lookedUp - before).toBeLessThanOrEqual(late.length - late.filter(({ status }) => status === 429).length)
        expect((await asked(me)).status).toBe(200)
      } finally {
        house.deps.db = db
        await server.close()
      }
    })

    it('gives metrics to scrapers under any name where other machines reach it', async () => {
      const server = await open({ listen: { host: '0.0.0.0', port: 0 } })
      try {
        const asked = (path: string) =>
          statusOf(server, `GET ${path} HTTP/1.1\r\nhost: revenant.svc\r\nconnection: close\r\n\r\n`)
        expect([await asked('/metrics'), await asked('/seen'), server.exposed]).toEqual([200, 421, true])
      } finally {
        await server.close()
      }
    })

    it('believes X-Forwarded-* of declared proxies alone', async () => {
      const forwarded = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'localhost' }
      const seen = async (server: Server) => {
        const answer = await fetch(`${server.address}/seen`, { headers: { connection: 'close', ...forwarded } })
        return {
          ...z.record(z.string(), z.string()).parse(await answer.json()),
          hsts: answer.headers.get('strict-transport-security'),
        }
      }
      const plain = await open({})
      const trusting = await open({ trust: ['127.0.0.0/8'] })
      const other = await open({ trust: ['10.0.0.0/8'] })
      try {
        const itself = { ip: '127.0.0.1', protocol: 'http', hsts: null }
        expect(await seen(plain)).toMatchObject(itself)
        expect(await seen(other)).toMatchObject(itself)
        expect(await seen(trusting)).toEqual({
          ip: '203.0.113.9',
          protocol: 'https',
          host: 'localhost',
          hsts: 'max-age=31536000',
        })
      } finally {
        for (const each of [plain, trusting, other]) await each.close()
      }
    })

    it('speaks TLS, and takes another certificate while it runs', async () => {
      const { Agent, fetch: tlsFetch } = await import('undici')
      const [first, second] = [await authority.issue(['127.0.0.1']), await authority.issue(['127.0.0.1', '127.0.0.2'])]
      const server = await open({ tls: first })
      const serialOf = async () => {
        const { connect: tlsConnect } = await import('node:tls')
        const { port } = new URL(server.address)
        return new Promise<string>((resolve, reject) => {
          const socket = tlsConnect({ port: Number(port), host: '127.0.0.1', ca: authority.cert, servername: '' }, () => {
            resolve(socket.getPeerCertificate().serialNumber)
            socket.destroy()
          })
          socket.on('error', reject)
        })
      }
      const agent = new Agent({ connect: { ca: authority.cert } })
      try {
        const answer = await tlsFetch(`${server.address}/v1/test/things/1`, {
          dispatcher: agent,
          headers: { authorization: `Bearer ${token}`, connection: 'close' },
        })
        expect([answer.status, answer.headers.get('strict-transport-security')]).toEqual([200, 'max-age=31536000'])
        const before = await serialOf()
        server.renew(second)
        expect(await serialOf()).not.toBe(before)
        expect(() => server.renew({ cert: first.cert, key: second.key })).toThrow()
        expect(await serialOf()).not.toBe(before)
      } finally {
        await agent.close()
        await server.close()
      }
    })

    it('ends streams of events when it stops', async () => {
      const server = await open({})
      const answer = await fetch(`${server.address}/v1/test/events`, bearer(token))
      const reader = answer.body?.getReader()
      expect(new TextDecoder().decode((await reader?.read())?.value)).toBe(': hello\n\n')
      const stream = streams.at(-1)
      await server.close()
      await expect(reader?.read()).rejects.toThrow()
      expect(stream?.destroyed).toBe(true)
    })
  })
})

function statusOf(server: Server, request: string): Promise<number> {
  const { port } = new URL(server.address)
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(request))
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    socket.on('close', () => resolve(Number(answer.split(' ')[1])))
    socket.on('error', reject)
  })
}
