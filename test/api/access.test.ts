import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { CALLBACK } from '../../src/api/access/oidc-sign-in.ts'
import { digestOf } from '../../src/api/access/opaque.ts'
import { refuseInClear } from '../../src/api/access/session.ts'
import { makeSignInLink } from '../../src/api/access/sign-in-link.ts'
import { EVIDENCE_PULLED } from '../../src/api/evidence-tokens.ts'
import { openThrottle } from '../../src/api/throttle.ts'
import { examineAccess } from '../../src/daemon/doctor-access.ts'
import { newId } from '../../src/domain/id.ts'
import { awayness } from '../../src/store/leaver.ts'
import { recordLook } from '../../src/store/looks.ts'
import { type AccessHouse, type Browser, bearer, json, NO_RATE, openAccessHouse, openBrowser, signIn } from './access-house.ts'

const session = z.looseObject({
  actor: z.string(),
  role: z.string(),
  csrf: z.string().nullable(),
  permissions: z.array(z.string()),
})
const problem = z.looseObject({ status: z.int(), code: z.string().optional(), detail: z.string() })
const items = z.object({ items: z.array(z.looseObject({ id: z.string() })), next: z.string().nullable() })

describe('access', () => {
  let house: AccessHouse
  beforeAll(async () => {
    house = await openAccessHouse({ rate: NO_RATE })
  })
  afterAll(() => house.stop())

  /** A throttle of its own for each test: they fail on purpose. */
  const unhurried = () => {
    house.deps.access.throttle = openThrottle()
    house.deps.access.tokens = openThrottle()
  }
  const audits = (action: string) =>
    house.deps.db.selectFrom('audit').selectAll().where('action', '=', action).orderBy('id').execute()
  const leave = async (who: { email?: string; externalId?: string }, at = house.clock.now) => {
    const id = newId()
    await house.deps.db
      .insertInto('identity')
      .values({
        ...{ id, external_id: who.externalId ?? id, kind: 'human', name: 'x', email: who.email ?? null },
        ...{ terminated_at: at.toString(), source: 'test' },
      })
      .execute()
    return id
  }

  describe('a one-time link', () => {
    it('signs in once, with every flag on the cookie, and stores nothing that opens anything', async () => {
      unhurried()
      const { url } = await makeSignInLink(house.deps.db, { role: 'operator', by: 'root' }, house.server.address, house.clock.now)
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#\/sign-in\?code=[\w-]{22}$/)
      const browser = openBrowser(house.ask)
      const answer = await signIn(browser, url)
      expect(answer.status).toBe(201)
      const port = new URL(house.server.address).port
      expect(answer.headers.get('set-cookie')).toMatch(
        new RegExp(`^revenant-session-${port}=[\\w-]{43}; Max-Age=86400; Path=/; HttpOnly; SameSite=Strict$`),
      )
      expect(session.parse(await answer.json())).toMatchObject({
        ...{ actor: 'link', role: 'operator', via: 'session' },
        permissions: ['read', 'evidence', 'operate'],
      })
      expect((await signIn(openBrowser(house.ask), url)).status).toBe(401)
      const me = await browser.ask('/v1/session')
      expect([me.status, session.parse(await me.json()).csrf]).toEqual([200, browser.csrf])
      const secret = /code=(.+)$/.exec(url)?.[1] ?? ''
      const rows = JSON.stringify([
        await house.deps.db.selectFrom('session').selectAll().execute(),
        await house.deps.db.selectFrom('sign_in_link').selectAll().execute(),
        await house.deps.db.selectFrom('audit').selectAll().execute(),
      ])
      expect(rows).not.toContain(secret)
      for (const value of browser.cookies.values()) expect(rows).not.toContain(value)
      expect((await audits('session.open')).at(-1)).toMatchObject({ actor: 'link', detail: { via: 'link', by: 'root' } })
      expect((await audits('session.refuse')).at(-1)).toMatchObject({ actor: 'nobody', subject: 'link unknown_code 127.0.0.1' })
    })

    it('is given to one of many who bring it at the same time', async () => {
      unhurried()
      const { url } = await makeSignInLink(house.deps.db, { role: 'viewer', by: 'root' }, house.server.address, house.clock.now)
      const answers = await Promise.all(Array.from({ length: 8 }, () => signIn(openBrowser(house.ask), url)))
      expect(answers.map(({ status }) => status).toSorted()).toEqual([201, ...Array(7).fill(401)])
    })

    it('is too old after 15 minutes', async () => {
      unhurried()
      const made = house.clock.now
      const { url } = await makeSignInLink(house.deps.db, { role: 'viewer', by: 'root' }, house.server.address, made)
      house.clock.now = made.add({ minutes: 15 })
      expect((await signIn(openBrowser(house.ask), url)).status).toBe(401)
      house.clock.now = made
    })
  })

  describe('a session', () => {
    it('ends when nobody uses it, and in any case after a day', async () => {
      const from = house.clock.now
      const used = await house.browser('viewer')
      for (const hours of [7, 14, 21]) {
        house.clock.now = from.add({ hours })
        expect([hours, (await used.ask('/v1/session')).status]).toEqual([hours, 200])
      }
      house.clock.now = from.add({ hours: 23, minutes: 59 })
      expect((await used.ask('/v1/session')).status).toBe(200)
      house.clock.now = from.add({ hours: 24 })
      expect((await used.ask('/v1/session')).status).toBe(401)
      const rested = await house.browser('viewer')
      house.clock.now = house.clock.now.add({ hours: 8 })
      expect((await rested.ask('/v1/session')).status).toBe(401)
      house.clock.now = from
    })

    it('changes nothing without its CSRF token, and nothing for a page elsewhere', async () => {
      const browser = await house.browser('admin')
      const other = await house.browser('admin')
      const { csrf = '' } = browser
      const post = (headers: Record<string, string>) =>
        browser.ask('/v1/tokens', {
          ...json({ name: `x${newId()}`, role: 'viewer', owner: 'x' }),
          headers: { 'content-type': 'application/json', ...headers },
        })
      const codeOf = async (answer: Response) => [answer.status, problem.parse(await answer.json()).code]
      expect(await codeOf(await post({ 'x-csrf-token': '' }))).toEqual([403, 'CSRF'])
      expect(await codeOf(await post({ 'x-csrf-token': other.csrf ?? '' }))).toEqual([403, 'CSRF'])
      for (const site of ['cross-site', 'same-site'])
        expect(await codeOf(await post({ 'sec-fetch-site': site, 'x-csrf-token': csrf }))).toEqual([403, 'CROSS_ORIGIN'])
      expect((await post({ 'x-csrf-token': csrf })).status).toBe(201)
      // Reading by a page elsewhere: the cookie does not count.
      expect((await browser.ask('/v1/session', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(401)
      // A browser that is too old for Sec-Fetch-Site names the origin.
      const plain = (origin: string) =>
        house.ask('/v1/tokens', {
          ...json({ name: `x${newId()}`, role: 'viewer', owner: 'x' }),
          headers: {
            ...{ 'content-type': 'application/json', origin, 'x-csrf-token': csrf },
            cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          },
        })
      expect(await codeOf(await plain('https://elsewhere.example'))).toEqual([403, 'CROSS_ORIGIN'])
      expect(await codeOf(await plain('null'))).toEqual([403, 'CROSS_ORIGIN'])
      expect((await plain(house.server.address)).status).toBe(201)
    })

    it('is signed out, is ended by an administrator, and is told so', async () => {
      const [admin, left, ended] = [await house.browser('admin'), await house.browser('viewer'), await house.browser('viewer')]
      const out = await left.ask('/v1/session', { method: 'DELETE' })
      expect([out.status, out.headers.get('set-cookie')?.includes('Max-Age=0')]).toEqual([204, true])
      const listed = items.parse(await (await admin.ask('/v1/sessions?limit=500')).json()).items
      expect(listed.filter(({ own }) => own)).toHaveLength(1)
      const [newest] = listed
      const before = { cookies: new Map(ended.cookies), csrf: ended.csrf }
      expect((await admin.ask(`/v1/sessions/${newest?.id}`, { method: 'DELETE' })).status).toBe(204)
      expect((await admin.ask(`/v1/sessions/${newest?.id}`, { method: 'DELETE' })).status).toBe(404)
      expect(before.cookies.size).toBe(1)
      expect((await ended.ask('/v1/session')).status).toBe(401)
      expect((await audits('session.end')).at(-1)).toMatchObject({ actor: 'link', subject: newest?.id })
    })

    it('pages the list', async () => {
      const admin = await house.browser('admin')
      const all = items.parse(await (await admin.ask('/v1/sessions?limit=500')).json()).items.map(({ id }) => id)
      const seen: string[] = []
      let next: string | null = '/v1/sessions?limit=2'
      while (next !== null) {
        const answer: Response = await admin.ask(next)
        seen.push(...items.parse(await answer.json()).items.map(({ id }) => id))
        next = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1] ?? null
      }
      expect(seen).toEqual(all)
    })
  })

  describe('a token', () => {
    it('is made, shown once, used, seen and revoked', async () => {
      unhurried()
      const admin = await house.browser('admin')
      const made = await admin.ask('/v1/tokens', json({ name: 'ci', role: 'auditor', days: 2, owner: 'kim@example.com' }))
      expect(made.status).toBe(201)
      const { id, token } = z.looseObject({ id: z.string(), token: z.string() }).parse(await made.json())
      expect(made.headers.get('location')).toBe(`/v1/tokens/${id}`)
      expect(token).toMatch(/^rvt_[\w-]{43}$/)
      const me = session.parse(await (await house.ask('/v1/session', bearer(token))).json())
      expect(me).toMatchObject({ actor: 'token:ci', role: 'auditor', via: 'token', csrf: null })
      const listed = await (await admin.ask('/v1/tokens?limit=500')).text()
      expect(listed).not.toContain(token)
      expect(items.parse(JSON.parse(listed)).items.find((each) => each.id === id)).toMatchObject({
        ...{ name: 'ci', state: 'live', owner: 'kim@example.com', usedAt: house.clock.now.toString(), createdBy: 'link' },
        expiresAt: house.clock.now.add({ hours: 48 }).toString(),
      })
      expect((await admin.ask('/v1/tokens', json({ name: 'ci', role: 'viewer', owner: 'x' }))).status).toBe(409)
      expect((await admin.ask(`/v1/tokens/${id}`, { method: 'DELETE' })).status).toBe(204)
      expect((await house.ask('/v1/session', bearer(token))).status).toBe(401)
      expect((await admin.ask('/v1/tokens', json({ name: 'ci', role: 'viewer', owner: 'x' }))).status).toBe(201)
      expect((await audits('token.create')).find(({ subject }) => subject === 'ci')).toMatchObject({ actor: 'link' })
      expect((await audits('token.revoke')).find(({ subject }) => subject === 'ci')).toMatchObject({ actor: 'link' })
    })

    it('belongs to somebody who could leave', async () => {
      const [link, cleo] = [await house.browser('admin'), await house.browser('admin', 'carl@example.com')]
      const make = (by: Browser, body: object) => by.ask('/v1/tokens', json({ role: 'viewer', ...body }))
      const refused = await make(link, { name: 'of-nobody' })
      expect([refused.status, problem.parse(await refused.json()).code]).toEqual([422, 'INPUT_INVALID'])
      expect((await make(link, { name: 'of-ed', owner: 'ed@example.com' })).status).toBe(201)
      expect((await make(cleo, { name: 'of-carl' })).status).toBe(201)
      // One of an older version.
      const old = { digest: digestOf('old'), name: 'old', role: 'admin' as const, bearers: [], created_by: 'link' }
      const times = { created_at: house.clock.now.toString(), expires_at: house.clock.now.add({ hours: 1 }).toString() }
      await house.deps.db
        .insertInto('api_token')
        .values({ id: newId(), ...old, ...times })
        .execute()
      const tiedOf = async (path: string, key: string) =>
        Object.fromEntries(
          items.parse(await (await link.ask(`${path}?limit=500`)).json()).items.map((each) => [each[key], each.tied]),
        )
      expect(await tiedOf('/v1/tokens', 'name')).toMatchObject({ 'of-ed': true, 'of-carl': true, old: false })
      expect(await tiedOf('/v1/sessions', 'actor')).toMatchObject({ link: false, 'carl@example.com': true })
      const doctor = { ...house.runtime, now: () => house.clock.now }
      const at = house.clock.now
      await recordLook(house.deps.db, { actor: 'token:grc', action: EVIDENCE_PULLED, subject: 'findings', at })
      const evidence = { ...house.config.evidence, auditorTokens: [{ name: 'grc', token: 'env:X' }] }
      const asked = { ...doctor, config: { ...house.config, evidence } }
      const hour = at.round({ smallestUnit: 'hour', roundingMode: 'floor' }).toString()
      expect(await Array.fromAsync(examineAccess(asked))).toMatchObject([
        { name: 'token old', level: 'warn', detail: expect.stringContaining('tied to nobody') },
        { name: 'auditor token grc', level: 'warn', detail: expect.stringContaining(`last used in the hour from ${hour}`) },
      ])
    })

    it('expires', async () => {
      unhurried()
      const from = house.clock.now
      const token = await house.token('viewer', { days: 1 })
      house.clock.now = from.add({ hours: 23 })
      expect((await house.ask('/v1/session', bearer(token))).status).toBe(200)
      house.clock.now = from.add({ hours: 24 })
      const answer = await house.ask('/v1/session', bearer(token))
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
        401,
        'Bearer realm="revenant", error="invalid_token"',
      ])
      house.clock.now = from
    })

    it('is written down as used at most once a minute', async () => {
      const from = house.clock.now
      const token = await house.token('viewer', { name: 'coarse' })
      const usedAt = async () => {
        await house.ask('/v1/session', bearer(token))
        const row = await house.deps.db.selectFrom('api_token').select('used_at').where('name', '=', 'coarse').executeTakeFirst()
        return row?.used_at?.toString()
      }
      expect(await usedAt()).toBe(from.toString())
      house.clock.now = from.add({ seconds: 59 })
      expect(await usedAt()).toBe(from.toString())
      house.clock.now = from.add({ seconds: 60 })
      expect(await usedAt()).toBe(from.add({ seconds: 60 }).toString())
      house.clock.now = from
    })

    it('has no session to sign out of', async () => {
      const token = await house.token('admin')
      expect((await house.ask('/v1/session', bearer(token, { method: 'DELETE' }))).status).toBe(409)
    })
  })

  describe('whoever has left', () => {
    it('is signed out at once, by e-mail address whatever its case', async () => {
      const anna = await house.browser('operator', 'Anna@Example.com')
      expect(session.parse(await (await anna.ask('/v1/session')).json()).actor).toBe('Anna@Example.com')
      await leave({ email: 'anna@example.COM' }, house.clock.now.add({ seconds: 1 }))
      expect((await anna.ask('/v1/session')).status).toBe(200)
      const from = house.clock.now
      house.clock.now = from.add({ seconds: 1 })
      expect((await anna.ask('/v1/session')).status).toBe(401)
      expect((await audits('session.end')).at(-1)).toMatchObject({
        ...{ actor: `daemon ${house.runtime.instance}`, detail: { of: 'Anna@Example.com', because: 'terminated' } },
      })
      // Back again: but that session is over.
      await house.deps.db.deleteFrom('identity').where('email', '=', 'anna@example.COM').execute()
      expect((await anna.ask('/v1/session')).status).toBe(401)
      house.clock.now = from
    })

    it.each([
      ['its owner, by e-mail address', { owner: 'Bo@Example.com' }, { email: 'bo@example.com' }],
      ['its owner, by external id', { owner: 'E-4711' }, { externalId: 'E-4711' }],
    ])('takes a token along: %s', async (_what, of, who) => {
      unhurried()
      const token = await house.token('viewer', of)
      expect((await house.ask('/v1/session', bearer(token))).status).toBe(200)
      const id = await leave(who)
      expect((await house.ask('/v1/session', bearer(token))).status).toBe(401)
      expect((await audits('token.revoke')).at(-1)).toMatchObject({ detail: { because: 'terminated' } })
      await house.deps.db.deleteFrom('identity').where('id', '=', id).execute()
      expect((await house.ask('/v1/session', bearer(token))).status).toBe(401)
    })

    it('takes along the tokens that it made', async () => {
      unhurried()
      const cleo = await house.browser('admin', 'cleo@example.com')
      const { token } = z
        .looseObject({ token: z.string() })
        .parse(await (await cleo.ask('/v1/tokens', json({ name: 'of-cleo', role: 'viewer', owner: 'team@example.com' }))).json())
      // A token that a token made: its maker's maker counts.
      const admin = z
        .looseObject({ token: z.string() })
        .parse(await (await cleo.ask('/v1/tokens', json({ name: 'admin-of-cleo', role: 'admin' }))).json())
      const grandchild = z
        .looseObject({ token: z.string() })
        .parse(await (await house.ask('/v1/tokens', bearer(admin.token, json({ name: 'grandchild', role: 'viewer' })))).json())
      for (const each of [token, grandchild.token]) expect((await house.ask('/v1/session', bearer(each))).status).toBe(200)
      await leave({ email: 'cleo@example.com' })
      for (const each of [token, grandchild.token, admin.token])
        expect((await house.ask('/v1/session', bearer(each))).status).toBe(401)
    })

    it('gets no link and no token', async () => {
      unhurried()
      await leave({ email: 'dora@example.com' })
      const of = { role: 'admin', by: 'root', email: 'dora@example.com' } as const
      const { url } = await makeSignInLink(house.deps.db, of, house.server.address, house.clock.now)
      const answer = await signIn(openBrowser(house.ask), url)
      expect([answer.status, problem.parse(await answer.json()).code]).toEqual([403, 'SIGN_IN_REFUSED'])
      expect((await audits('session.refuse')).at(-1)).toMatchObject({ actor: 'dora@example.com' })
      await expect(house.token('viewer', { owner: 'dora@example.com' })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    })

    it('is told apart by indexes, even before the planner knows how many there are', async () => {
      const { db } = house.deps
      await sql`insert into identity (id, external_id, kind, name, email, source) select gen_random_uuid(), 'e' || n, 'human', 'x',
        'p' || n || '@example.com', 'bulk' from generate_series(1, 20000) n`.execute(db)
      const away = awayness(sql.ref('s.bearers'), house.clock.now)
      const { rows } = await sql<{ 'QUERY PLAN': string }>`explain select ${away} from session s`.execute(db)
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
      expect(plan).toContain('identity_email')
      expect(plan).toContain('identity_external_id_key')
      expect(plan).not.toContain('Seq Scan on identity')
      await sql`delete from identity where source = 'bulk'`.execute(db)
    })
  })

  describe('an address that brought ten wrong ones', () => {
    const wrongToken = () => house.ask('/v1/session', bearer(`rvt_${'x'.repeat(43)}`))
    const wrongCode = () => house.ask('/v1/session', json({ code: 'x'.repeat(22) }))

    it.each([
      ['tokens', wrongToken, wrongCode],
      ['codes', wrongCode, wrongToken],
    ])('brings no more of them, but whatever is good: %s', async (_what, wrong, other) => {
      unhurried()
      const browser = await house.browser('viewer')
      for (let tries = 0; tries < 10; tries++) expect((await wrong()).status).toBe(401)
      const answer = await wrong()
      expect([answer.status, Number(answer.headers.get('retry-after')) > 50]).toEqual([429, true])
      expect((await other()).status).toBe(401)
      // One that was never used before, too.
      expect((await house.ask('/v1/session', bearer(await house.token('viewer')))).status).toBe(200)
      expect((await browser.ask('/v1/session')).status).toBe(200)
      const { url } = await makeSignInLink(house.deps.db, { role: 'viewer', by: 'root' }, house.server.address, house.clock.now)
      expect((await signIn(openBrowser(house.ask), url)).status).toBe(201)
      unhurried()
    })
  })

  it('takes no sign-in in clear where the public address is https, and keeps the link for one that is not', async () => {
    unhurried()
    const { url } = await makeSignInLink(house.deps.db, { role: 'viewer', by: 'root' }, house.server.address, house.clock.now)
    house.configure({}, { publicUrl: 'https://revenant.example.com' })
    const browser = openBrowser(house.ask)
    const refused = [await signIn(browser, url), await house.ask('/v1/sign-in/oidc'), await house.ask(`${CALLBACK}?code=x`)]
    for (const answer of refused) expect([answer.status, problem.parse(await answer.json()).code]).toEqual([403, 'INSECURE'])
    expect(browser.cookies.size).toBe(0)
    house.configure({}, { publicUrl: 'http://revenant.example.com' })
    expect((await signIn(browser, url)).status).toBe(201)
  })

  it.each([
    ['a proxy that says so', { secure: true, address: '203.0.113.9' }, true],
    ['past the proxy', { secure: false, address: '203.0.113.9' }, false],
    ['this machine', { secure: false, address: '127.0.0.1' }, true],
  ])('with a declared proxy takes sign-ins by %s: %j, %j', (_what, client, taken) => {
    const config = { ...house.config, publicUrl: undefined, access: { ...house.config.access, proxy: { trust: ['10.0.0.5'] } } }
    const { publicUrl: _, ...rest } = config
    const refuse = () => refuseInClear(client, { config: () => rest })
    if (taken) expect(refuse).not.toThrow()
    else expect(refuse).toThrow(expect.objectContaining({ code: 'INSECURE' }))
  })

  it('gives nobody more than eight streams of events', async () => {
    unhurried()
    const [greedy, other] = [await house.browser('viewer'), await house.browser('viewer')]
    const answers: Response[] = []
    for (let asked = 0; asked < 9; asked++) answers.push(await greedy.ask('/v1/events'))
    answers.push(await other.ask('/v1/events'))
    expect(answers.map(({ status }) => status)).toEqual([...Array<number>(8).fill(200), 429, 200])
    expect(Number(answers[8]?.headers.get('retry-after'))).toBeGreaterThan(0)
    for (const { body } of answers) await body?.cancel()
  })
})
