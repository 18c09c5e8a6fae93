import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { claimAt, claimsRole, nameIn } from '../../src/api/access/claims.ts'
import { endOutdatedSessions } from '../../src/api/access/role-map.ts'
import { openThrottle } from '../../src/api/throttle.ts'
import { newId } from '../../src/domain/id.ts'
import { CLIENT, type OidcServer, startOidc } from '../servers/oidc.ts'
import { type AccessHouse, type Browser, NO_RATE, openAccessHouse } from './access-house.ts'

const roles = [
  { claim: 'groups', value: 'security', role: 'operator' as const },
  { claim: 'groups', value: 'everybody', role: 'viewer' as const },
  { claim: 'realm_access.roles', value: 'revenant-admin', role: 'admin' as const },
  { claim: 'email', value: 'boss@example.com', role: 'admin' as const },
]

describe('sign-in by OpenID Connect', () => {
  let house: AccessHouse
  let provider: OidcServer
  beforeAll(async () => {
    vi.stubEnv('OIDC_SECRET', CLIENT.secret)
    house = await openAccessHouse({ rate: NO_RATE })
    provider = await startOidc([`${house.server.address}/v1/sign-in/oidc/callback`])
    for (const [sub, claims] of Object.entries(PEOPLE)) provider.accounts.set(sub, claims)
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await house.stop()
    await provider.stop()
  })
  beforeEach(() => {
    house.deps.access.throttle = openThrottle()
    configure({})
  })

  const PEOPLE: Record<string, Record<string, unknown>> = {
    anna: { email: 'Anna@Example.com', email_verified: true, groups: ['everybody', 'security'] },
    bob: { email: 'bob@example.com', email_verified: true, groups: ['other'] },
    kim: { realm_access: { roles: ['revenant-admin'] } },
    mallory: { email: 'boss@example.com', email_verified: false, groups: ['everybody'] },
    leaver: { email: 'leaver@example.com', email_verified: true, groups: ['security'] },
    E4711: { groups: ['security'] },
    silent: { email: 'boss@example.com', groups: ['everybody'] },
    texty: { email: 'boss@example.com', email_verified: 'false', groups: ['everybody'] },
    honest: { email: 'boss@example.com', email_verified: 'true', groups: ['everybody'] },
    unproven: { email: 'unproven@example.com', email_verified: false, groups: ['security'] },
    unsaid: { email: 'Unsaid@example.com', groups: ['security'] },
    listed: { email: 'Listed@example.com', groups: ['security'] },
  }
  const configure = (changes: Record<string, unknown>) =>
    house.configure({
      oidc: {
        ...{ issuer: provider.issuer, clientId: CLIENT.id, clientSecret: 'env:OIDC_SECRET', roles },
        ...{ scopes: ['openid', 'email', 'profile'], nameClaim: 'email', identityClaim: 'sub', ...changes },
      },
    })
  /** Starts in a browser, signs in at the provider, and answers where the browser is sent back to. */
  const start = async (account: string): Promise<{ browser: Browser; back: URL }> => {
    provider.account = account
    const browser = await house.browser()
    const answer = await browser.ask('/v1/sign-in/oidc')
    expect(answer.status).toBe(303)
    return { browser, back: await provider.walk(answer.headers.get('location') ?? '') }
  }
  /** The browser comes from another site. */
  const comeBack = (browser: Browser, back: URL, headers: Record<string, string> = {}) =>
    browser.ask(`${back.pathname}${back.search}`, { headers: { 'sec-fetch-site': 'cross-site', ...headers } })
  const meOf = async (browser: Browser) => {
    const answer = await browser.ask('/v1/session')
    const body = z.looseObject({ actor: z.string().optional(), role: z.string().optional() }).parse(await answer.json())
    return [answer.status, body.actor, body.role]
  }
  const refused = async (answer: Response) => {
    const { code } = z.looseObject({ code: z.string().optional() }).parse(await answer.json())
    expect(answer.headers.getSetCookie().filter((line) => line.includes('session'))).toEqual([])
    return [answer.status, code]
  }

  it.each([
    ['anna', 'anna@example.com', 'operator'],
    ['kim', 'oidc:kim', 'admin'],
    ['mallory', 'oidc:mallory', 'viewer'],
    ['silent', 'oidc:silent', 'viewer'],
    ['texty', 'oidc:texty', 'viewer'],
    ['honest', 'boss@example.com', 'admin'],
  ])('signs %s in as %s with the role %s', async (account, actor, role) => {
    const { browser, back } = await start(account)
    const answer = await comeBack(browser, back)
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/'])
    expect(answer.headers.getSetCookie().join('\n')).toMatch(
      /revenant-session-\d+=[\w-]{43}; Max-Age=86400; Path=\/; HttpOnly; SameSite=Strict/,
    )
    expect(await meOf(browser)).toEqual([200, actor, role])
    expect([...browser.cookies.keys()].filter((name) => name.includes('oidc'))).toEqual([])
    const opened = await house.deps.db
      .selectFrom('audit')
      .selectAll()
      .where('action', '=', 'session.open')
      .orderBy('id')
      .execute()
    expect(opened.at(-1)).toMatchObject({ actor, detail: { via: 'oidc', subject: account, role } })
  })

  it.each([
    ['silent', 'boss@example.com', 'admin'],
    ['mallory', 'oidc:mallory', 'viewer'],
    ['texty', 'oidc:texty', 'viewer'],
  ])(
    'takes an address of which nothing is said for verified where the configuration says so: %s',
    async (account, actor, role) => {
      configure({ assumeEmailVerified: true })
      const { browser, back } = await start(account)
      await comeBack(browser, back)
      expect(await meOf(browser)).toEqual([200, actor, role])
    },
  )

  it('tells the ways in there are', async () => {
    expect(await (await house.ask('/v1/sign-in')).json()).toEqual({ oidc: true })
  })

  it.each<[string, (url: URL) => void]>([
    ['another state', (url) => url.searchParams.set('state', 'x'.repeat(43))],
    ['no state', (url) => url.searchParams.delete('state')],
    ['the issuer of another provider', (url) => url.searchParams.set('iss', 'https://elsewhere.example')],
    ['no issuer, though the provider sends it', (url) => url.searchParams.delete('iss')],
    ['a code that nobody gave', (url) => url.searchParams.set('code', 'x'.repeat(43))],
    ['no code', (url) => url.searchParams.delete('code')],
    ['a refusal', (url) => url.searchParams.set('error', 'access_denied')],
    ['two codes', (url) => url.searchParams.append('code', 'y')],
  ])('refuses %s', async (_what, change) => {
    const { browser, back } = await start('anna')
    change(back)
    const answer = await comeBack(browser, back)
    expect([400, 403]).toContain(answer.status)
    expect(answer.headers.getSetCookie().filter((line) => line.includes('session'))).toEqual([])
    expect((await meOf(browser))[0]).toBe(401)
  })

  it.each(['nonce', 'verifier', 'state'])('refuses what was not asked with this %s', async (key) => {
    const { browser, back } = await start('anna')
    for (const [name, value] of browser.cookies) {
      const kept: unknown = JSON.parse(Buffer.from(value, 'base64url').toString())
      const other = { ...z.record(z.string(), z.string()).parse(kept), [key]: 'z'.repeat(43) }
      browser.cookies.set(name, Buffer.from(JSON.stringify(other)).toString('base64url'))
    }
    expect(await refused(await comeBack(browser, back))).toEqual([403, 'SIGN_IN_REFUSED'])
  })

  it('refuses a code that was used, and a browser that did not start', async () => {
    const { browser, back } = await start('anna')
    const kept = new Map(browser.cookies)
    expect((await comeBack(browser, back)).status).toBe(303)
    const again = await house.browser()
    for (const [name, value] of kept) again.cookies.set(name, value)
    expect(await refused(await comeBack(again, back))).toEqual([403, 'SIGN_IN_REFUSED'])
    expect(await refused(await comeBack(await house.browser(), back))).toEqual([403, 'SIGN_IN_REFUSED'])
  })

  it('refuses whoever has no role, and tells a browser so on a page', async () => {
    const first = await start('bob')
    expect(await refused(await comeBack(first.browser, first.back))).toEqual([403, 'NO_ROLE'])
    const { browser, back } = await start('bob')
    const answer = await comeBack(browser, back, { accept: 'text/html,*/*' })
    expect([answer.status, answer.headers.get('content-type')?.split(';')[0]]).toEqual([403, 'text/html'])
    expect(await answer.text()).toContain('gives you no role')
    const [row] = await house.deps.db
      .selectFrom('audit')
      .selectAll()
      .where('action', '=', 'session.refuse')
      .where('actor', '=', 'bob@example.com')
      .execute()
    expect(row).toMatchObject({ subject: 'oidc no_role 127.0.0.1', detail: { subject: 'bob' } })
  })

  it.each([
    ['by e-mail address', 'leaver', { email: 'LEAVER@example.com' }],
    ['by external id', 'E4711', { external_id: 'E4711' }],
    ['by an address that the provider calls unverified', 'unproven', { email: 'unproven@example.com' }],
    ['by an address of which the provider says nothing', 'unsaid', { email: 'unsaid@example.com' }],
    ['by an address that is his external id', 'listed', { external_id: 'listed@example.com' }],
  ])('refuses whoever has left, and ends what he is signed in with: %s', async (_what, account, who) => {
    const { browser, back } = await start(account)
    expect((await comeBack(browser, back)).status).toBe(303)
    expect((await meOf(browser))[0]).toBe(200)
    const id = newId()
    await house.deps.db
      .insertInto('identity')
      .values({
        id,
        external_id: id,
        kind: 'human',
        name: 'x',
        source: 'test',
        terminated_at: house.clock.now.toString(),
        ...who,
      })
      .execute()
    expect((await meOf(browser))[0]).toBe(401)
    const again = await start(account)
    expect(await refused(await comeBack(again.browser, again.back))).toEqual([403, 'SIGN_IN_REFUSED'])
  })

  it('says where the provider fails, and goes on once it is mended', async () => {
    configure({ issuer: 'http://127.0.0.1:9' })
    expect((await house.ask('/v1/sign-in/oidc')).status).toBe(503)
    // Discovery that names another issuer than the configured one.
    configure({ issuer: provider.issuer.replace('127.0.0.1', 'localhost') })
    expect((await house.ask('/v1/sign-in/oidc')).status).toBe(503)
    configure({ clientSecret: 'env:NOT_THERE' })
    expect((await house.ask('/v1/sign-in/oidc')).status).toBe(503)
    configure({})
    expect((await house.ask('/v1/sign-in/oidc')).status).toBe(303)
    expect(house.logged()).not.toContain(CLIENT.secret)
  })

  /** Signs out here, and answers where the browser is sent then. */
  const signOut = async (browser: Browser): Promise<string> => {
    const session = await (await browser.ask('/v1/session')).json()
    const { csrf, provider: known } = z.looseObject({ csrf: z.string(), provider: z.boolean() }).parse(session)
    expect(known).toBe(true)
    browser.csrf = csrf
    expect((await browser.ask('/v1/session', { method: 'DELETE' })).status).toBe(204)
    const answer = await browser.ask('/v1/sign-out/oidc')
    expect(answer.status).toBe(303)
    expect([...browser.cookies.keys()]).toEqual([])
    expect((await meOf(browser))[0]).toBe(401)
    return answer.headers.get('location') ?? ''
  }

  it.each([
    [{}, '/session/end/success'],
    [{ returnAfterSignOut: true }, '/'],
  ])('signs out of the provider too: %j', async (settings, path) => {
    configure(settings)
    const { browser, back } = await start('anna')
    const answer = await comeBack(browser, back)
    expect(answer.headers.getSetCookie().join('\n')).toMatch(
      /revenant-hint-\d+=[\w-]+\.[\w-]+\.[\w-]+; Max-Age=86400; Path=\/v1\/sign-out\/oidc; HttpOnly; SameSite=Strict/,
    )
    const away = await signOut(browser)
    expect(away.startsWith(`${provider.issuer}/session/end?`)).toBe(true)
    expect(provider.sessions()).toBeGreaterThan(0)
    const end = await provider.signOut(away)
    expect([end.pathname, provider.sessions()]).toEqual([path, 0])
    expect(house.logged()).not.toContain('id_token_hint')
  })

  it('signs out here whatever the provider does, and sends nobody there who did not come from there', async () => {
    const { browser, back } = await start('anna')
    await comeBack(browser, back)
    configure({ issuer: 'http://127.0.0.1:9' })
    expect(await signOut(browser)).toBe('/')
    configure({})
    const link = await house.browser('viewer')
    expect(await (await link.ask('/v1/session')).json()).toMatchObject({ provider: false })
    expect((await link.ask('/v1/sign-out/oidc')).headers.get('location')).toBe('/')
  })

  it.each([
    ['another role for the same claim', { roles: roles.map((row) => ({ ...row, role: 'viewer' as const })) }, true],
    ['another belief in addresses', { assumeEmailVerified: true }, true],
    ['another claim by which a leaver is known', { identityClaim: 'employee' }, true],
    ['another name in the audit', { nameClaim: 'sub' }, false],
  ])('ends sessions whose roles are given by other rules now: %s', async (_what, changes, ends) => {
    const { browser, back } = await start('kim')
    await comeBack(browser, back)
    const link = await house.browser('viewer')
    const end = () => endOutdatedSessions(house.deps.db, house.config, 'test', house.clock.now)
    await end()
    expect((await meOf(browser))[0]).toBe(200)
    configure(changes)
    expect((await end()) > 0).toBe(ends)
    expect([(await meOf(browser))[0], (await meOf(link))[0]]).toEqual([ends ? 401 : 200, 200])
    expect(await end()).toBe(0)
    if (!ends) return
    const rows = await house.deps.db.selectFrom('audit').selectAll().where('action', '=', 'session.end').orderBy('id').execute()
    expect(rows.at(-1)).toMatchObject({ actor: 'daemon test', detail: { because: 'roles_changed' } })
  })

  it('comes back to the public address where there is one', async () => {
    const config = { ...house.config, publicUrl: 'https://revenant.example.com/' }
    const deps = { ...house.deps, config: () => config }
    const { startOidc: begin } = await import('../../src/api/access/oidc-sign-in.ts')
    const client = { address: '127.0.0.1', agent: undefined, origin: 'http://127.0.0.1', secure: true }
    const { redirect } = await begin({ ...client, cookie: () => undefined, setCookie: () => '' }, deps)
    expect(new URL(redirect).searchParams.get('redirect_uri')).toBe('https://revenant.example.com/v1/sign-in/oidc/callback')
  })
})

describe('claims', () => {
  it.each([
    [{ groups: ['a', 'b'] }, 'groups', ['a', 'b']],
    [{ 'https://x.example/roles': 'a' }, 'https://x.example/roles', 'a'],
    [{ realm_access: { roles: ['a'] } }, 'realm_access.roles', ['a']],
    [{ a: 'text' }, 'a.length', undefined],
    [{}, '__proto__.x', undefined],
    [{}, 'constructor', undefined],
  ])('%j at %s', (claims, path, value) => {
    expect(claimAt(claims, path)).toEqual(value)
  })
  it.each([
    [{ groups: 'security' }, 'operator'],
    [{ groups: ['everybody', 'security'] }, 'operator'],
    [{ groups: ['securityx', 'ecurity'] }, undefined],
    [{ groups: [['security']] }, undefined],
    [{ groups: { security: true } }, undefined],
    [{ groups: ['security'], realm_access: { roles: ['revenant-admin'] } }, 'admin'],
    [{}, undefined],
  ])('%j give the role %s', (claims, role) => {
    expect(claimsRole(claims, roles)).toBe(role)
  })
  it.each([
    [{ sub: '1', email: 'a@b' }, 'a@b'],
    [{ sub: '1', email: 'token:ci' }, 'oidc:token:ci'],
    [{ sub: '1', email: 'token:ci@b' }, 'oidc:token:ci@b'],
    [{ sub: 'root' }, 'oidc:root'],
    [{ sub: '1', email: 'a@b\nroot' }, 'oidc:a@b\uFFFDroot'],
  ])('%j is called %s', (claims, name) => {
    expect(nameIn(claims, 'email')).toBe(name)
  })
})
