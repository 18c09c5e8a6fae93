import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { EVIDENCE_ROUTES } from '../../src/api/evidence-routes.ts'
import { readAuditorTokens } from '../../src/api/evidence-tokens.ts'
import { METHODS } from '../../src/api/methods.ts'
import type { Route } from '../../src/api/route.ts'
import { ROUTES } from '../../src/api/routes.ts'
import { may, ROLES, type Role } from '../../src/domain/access.ts'
import { type AccessHouse, type Browser, bearer, NO_RATE, openAccessHouse, openBrowser } from './access-house.ts'

const NOBODY = '00000000-0000-7000-8000-000000000000'

const GRC = 'grc-of-this-test-0123456789abcdefghij'

/** What changes something, but is open to whoever may read: one's own session. */
const OWN = ['signIn', 'signOut']

describe('who may do what', () => {
  let house: AccessHouse
  const tokens = new Map<Role, string>()
  const browsers = new Map<Role, Browser>()
  beforeAll(async () => {
    vi.stubEnv('GRC_TOKEN', GRC)
    const auditors = await readAuditorTokens([{ name: 'grc', token: 'env:GRC_TOKEN' }])
    house = await openAccessHouse({ rate: NO_RATE, auditors })
    // Ten wrong tokens a minute are heard.
    house.deps.access.tokens.failed = () => {}
    for (const role of ROLES) {
      tokens.set(role, await house.token(role))
      browsers.set(role, await house.browser(role))
    }
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await house.stop()
  })

  /** An address of this route, with nothing there. */
  const addressOf = ({ path }: Pick<Route, 'path'>) => path.replaceAll(/\{\w+\}/g, NOBODY)
  const statusOf = async (answer: Promise<Response>) => {
    const { status, body } = await answer
    await body?.cancel()
    return status
  }
  const fits = (route: Route, role: Role) => route.permission === 'anybody' || may(role, route.permission)

  it('asks of whatever changes something more than that he may read', () => {
    const weak = ROUTES.filter(
      ({ method, permission }) => method !== 'GET' && (permission === 'read' || permission === 'anybody'),
    )
    expect(weak.map(({ id }) => id).toSorted()).toEqual(OWN)
    const open = ROUTES.filter(({ permission }) => permission === 'anybody').map(({ id }) => id)
    expect(open.toSorted()).toEqual(['endOidc', 'finishOidc', 'listSignIns', 'signIn', 'startOidc'])
  })

  describe.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))('%s', (_name, route) => {
    const url = addressOf(route)
    const { method } = route

    it('nobody, and nobody who has the token of an auditor only', async () => {
      for (const init of [{ method }, bearer(`rvt_${'x'.repeat(43)}`, { method }), bearer(GRC, { method })]) {
        const status = await statusOf(house.ask(url, init))
        if (route.permission === 'anybody') expect([401, 403]).not.toContain(status)
        else expect(status).toBe(401)
      }
    })

    it.each(ROLES)('%s, by token and by session', async (role) => {
      const browser = route.id === 'signOut' ? await house.browser(role) : browsers.get(role)
      if (browser === undefined) throw new Error('no browser')
      const asked = [house.ask(url, bearer(tokens.get(role) ?? '', { method })), browser.ask(url, { method })]
      for (const answer of asked) {
        const status = await statusOf(answer)
        if (fits(route, role)) expect([401, 403, 500]).not.toContain(status)
        else expect(status).toBe(403)
      }
      if (method === 'GET' || route.permission === 'anybody') return
      // Without its CSRF token a session changes nothing, whatever its role.
      const forged = openBrowser(house.ask)
      for (const [name, value] of browsers.get(role)?.cookies ?? []) forged.cookies.set(name, value)
      expect(await statusOf(forged.ask(url, { method }))).toBe(403)
    })
  })

  const pulls = [...EVIDENCE_ROUTES.map(({ path }) => path), '/v1/evidence/openapi.json']
  describe.each(pulls)('GET %s', (path) => {
    const url = addressOf({ path })

    it('an auditor with a token of the configuration alone, and to read', async () => {
      expect([401, 403, 500]).not.toContain(await statusOf(house.ask(url, bearer(GRC))))
      for (const method of METHODS.filter((each) => each !== 'GET' && each !== 'HEAD'))
        expect([method, await statusOf(house.ask(url, bearer(GRC, { method })))]).toEqual([method, 404])
    })

    it('nobody else, whatever the role', async () => {
      const others = [{}, bearer(`${GRC}x`), ...ROLES.map((role) => bearer(tokens.get(role) ?? ''))]
      for (const init of others) expect([401, 429]).toContain(await statusOf(house.ask(url, init)))
      for (const role of ROLES) expect([401, 429]).toContain(await statusOf(browsers.get(role)?.ask(url) ?? house.ask(url)))
    })
  })
})
