import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lines, openTokenHouse, QUICK, type TokenHouse } from '../commands/house.ts'
import { CLIENT, type OidcServer, startOidc } from '../servers/oidc.ts'
import type { RunningDaemon } from '../servers/revenant.ts'
import { expectNothingWrong, hasBrowser, openBrowser, picture, type TestBrowser, type Visitor, violations } from './browser.ts'
import { builtPage } from './built.ts'

const LEFT = new Date(Date.now() - 3 * 86_400_000).toISOString()

describe.skipIf(!hasBrowser)('the first run (chromium)', { timeout: 120_000 }, () => {
  let house: TokenHouse
  let daemon: RunningDaemon
  let browser: TestBrowser
  let provider: OidcServer
  let visitor: Visitor
  let link: string
  beforeAll(async () => {
    await builtPage()
    house = await openTokenHouse({ OIDC_SECRET: CLIENT.secret }, { unfurnished: true })
    house.api.live.set('token-of-anna', 'anna')
    daemon = await house.daemon()
    browser = await openBrowser(daemon.address)
    link = /http:\/\/\S+#\/sign-in\?code=\S+/.exec(daemon.said())?.[0] ?? ''
    provider = await startOidc([`${daemon.address}/v1/sign-in/oidc/callback`])
    visitor = await browser.visitor()
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await house?.stop()
    await provider?.stop()
  })

  it('signs in by the link that the daemon printed, once, and leaves no trace of its code', async () => {
    const { page } = visitor
    await page.goto('/')
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    expect(await violations(page)).toEqual([])
    await picture(page, 'sign-in')
    await page.getByLabel('Link or code').fill(link)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Nobody is known here yet.').waitFor()
    expect(page.url()).not.toContain('code=')
    expect(await violations(page)).toEqual([])
    await picture(page, 'overview-empty')
    const second = await browser.visitor()
    await second.page.goto(link)
    await second.page.getByRole('alert').waitFor()
    expect(second.page.url()).not.toContain('code=')
    await second.context.close()
  })

  it('leads from nothing to the first finding', async () => {
    const { page } = visitor
    await page.goto('/#/overview')
    await page.getByRole('link', { name: 'Begin with the guide' }).click()
    await page.getByText('1 system configured.').waitFor()
    const rows = page.getByLabel('Or rows, pasted')
    await rows.first().fill(`external_id,name,kind,terminated_at\nanna,Anna Berg,human,${LEFT}\nbad row,,nothing,never\n`)
    await page.getByRole('button', { name: 'Only check' }).first().click()
    await page.getByText('Checked, nothing written').waitFor()
    await page.getByText('1 bad row').waitFor()
    await rows.first().fill(`external_id,name,kind,terminated_at\nanna,Anna Berg,human,${LEFT}\n`)
    await page.getByRole('button', { name: 'Import identities' }).click()
    await page.getByText('1 identity known, 1 of them left.', { exact: false }).waitFor()
    await rows
      .last()
      .fill(lines([{ identity: 'anna', system: 'api', label: 'laptop token', secret: { token: 'token-of-anna' } }]))
    await page.getByRole('button', { name: 'Import credentials' }).click()
    await page.locator('tbody .badge', { hasText: 'Open' }).waitFor()
    await picture(page, 'first-run')
    expect(await rows.last().inputValue()).toBe('')
    await page.getByRole('link', { name: 'To the findings' }).click()
    await page.getByText('1 shown').waitFor()
    await page.getByRole('link', { name: 'Residual access' }).click()
    await page.getByRole('heading', { name: /Anna Berg still gets into api/ }).waitFor()
    await page.goto('/#/overview')
    await page.getByText('1 of the 1 identity that left is still let in somewhere.').waitFor()
    expectNothingWrong(visitor)
  })

  it('signs in with the provider of the organisation; whoever has no role there is refused and told why', async () => {
    const since = daemon.said().length
    house.configure({
      systems: [house.system()],
      policy: QUICK,
      access: {
        oidc: {
          ...{
            issuer: provider.issuer,
            clientId: CLIENT.id,
            clientSecret: 'env:OIDC_SECRET',
            scopes: ['openid', 'email', 'profile'],
          },
          roles: [{ claim: 'groups', value: 'security', role: 'operator' }],
        },
      },
    })
    daemon.child.kill('SIGHUP')
    await daemon.waitFor('"msg":"configuration reloaded"', since)
    provider.accounts.set('kim', { email: 'kim@example.com', email_verified: true, groups: ['security'] })
    provider.accounts.set('bob', { email: 'bob@example.com', email_verified: true, groups: [] })
    provider.account = 'kim'
    const kim = await browser.visitor()
    await kim.page.goto('/')
    await kim.page.getByRole('link', { name: 'Sign in with your organisation' }).click()
    await kim.page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    await kim.page.getByText('kim@example.com').waitFor()
    expectNothingWrong(kim)
    await kim.page.getByRole('button', { name: 'Sign out' }).click()
    await kim.page.waitForURL((url) => url.origin === provider.issuer)
    await kim.page.getByRole('button', { name: 'Yes, sign me out' }).click()
    await kim.page.getByText('Sign-out Success').first().waitFor()
    await kim.page.goto('/')
    await kim.page.getByRole('heading', { name: 'Sign in' }).waitFor()
    provider.account = 'bob'
    const bob = await browser.visitor()
    await bob.page.goto('/')
    await bob.page.getByRole('link', { name: 'Sign in with your organisation' }).click()
    await bob.page.getByRole('link', { name: 'Back to the start' }).click()
    await bob.page.getByRole('heading', { name: 'Sign in' }).waitFor()
  })
})
