import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  expectNothingWrong,
  forgive,
  hasBrowser,
  openBrowser,
  overflow,
  picture,
  type TestBrowser,
  type Visitor,
  violations,
} from './browser.ts'
import { builtPage } from './built.ts'
import { type LabHouse, openLabHouse } from './lab-house.ts'

/** Findings that the lab ends with once everything was tried. */
const FINDINGS = 7

describe.skipIf(!hasBrowser)('the page (chromium)', { timeout: 120_000 }, () => {
  let world: LabHouse
  let browser: TestBrowser
  let admin: Visitor
  beforeAll(async () => {
    await builtPage()
    world = await openLabHouse()
    browser = await openBrowser(world.daemon.address)
    admin = await browser.signedIn(world.house, 'admin')
    await admin.page.goto('/#/findings')
    await admin.page.getByText(`${FINDINGS} shown`).waitFor()
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await world?.stop()
  })

  const idOf = async (path: string, name: string): Promise<string> => {
    const answer = await admin.page.request.get(path)
    const { items }: { items: { id: string; name?: string; kind?: string; label?: string }[] } = await answer.json()
    const found = items.find((item) => [item.name, item.kind, item.label].includes(name))
    if (found === undefined) throw new Error(`no ${name} at ${path}`)
    return found.id
  }
  // A test that fails half-way leaves no narrow or dark window behind.
  beforeEach(async () => {
    await admin.page.setViewportSize({ width: 1280, height: 900 })
    await admin.page.emulateMedia({ colorScheme: 'light' })
  })
  afterEach(() => browser.settle(admin))
  const open = async (page: Page, hash: string, heading: string | RegExp) => {
    await page.goto(`/#/${hash}`)
    await page.getByRole('heading', { name: heading, level: 1 }).waitFor()
    await page.waitForFunction(() => document.querySelector('.ghosts') === null)
    // What is measured when it is laid out stands two frames later.
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
  }

  it.each([
    ['overview', 'Overview', () => 'overview'],
    ['findings', 'Findings', () => 'findings'],
    ['finding', /Residual access/, async () => `findings/${await idOf('/v1/findings?kind=residual_access', 'residual_access')}`],
    ['finding-of-a-system', /Open system/, async () => `findings/${await idOf('/v1/findings', 'open_system')}`],
    ['exemptions', 'Exemptions', () => 'exemptions'],
    ['identities', 'Identities', () => 'identities'],
    ['identity', 'Maya Lindqvist', async () => `identities/${await idOf('/v1/identities', 'Maya Lindqvist')}`],
    ['credential', /ssh key/, async () => `credentials/${await idOf('/v1/credentials', 'ssh key')}`],
    ['systems', 'Systems', () => 'systems'],
    ['system', 'payroll-db', async () => `systems/${await idOf('/v1/systems', 'payroll-db')}`],
    ['evidence', 'Evidence', () => 'evidence'],
    ['statements', 'Statements', () => 'evidence/leavers'],
    ['statements-gaps', 'Statements', () => 'evidence/gaps?from=2001-01-01&to=2001-01-02'],
    ['statements-open-items', 'Statements', () => 'evidence/open-items'],
    ['leaver', 'Statement: Maya Lindqvist', () => 'evidence/leaver?identity=maya.lindqvist'],
    ['leaver-nobody', /^Statement$/, () => 'evidence/leaver?identity=nobody'],
    ['audit', 'Audit', () => 'audit'],
    ['setup-guide', 'Setup', () => 'setup'],
    ['setup-receivers', 'Setup', () => 'setup/receivers'],
    ['setup-catalogue', 'Setup', () => 'setup/catalogue'],
    ['setup-doctor', 'Setup', () => 'setup/doctor'],
    ['setup-configuration', 'Setup', () => 'setup/configuration'],
    ['access', 'Access', () => 'access'],
    ['nowhere', 'There is nothing here', () => 'no/such/place'],
  ])('%s: shown without a fault, accessible in both themes, from 360 pixels on', async (name, heading, hash) => {
    const { page } = admin
    await open(page, await hash(), heading)
    expect(await page.getByRole('alert').count()).toBe(0)
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme })
      expect(await violations(page)).toEqual([])
      await picture(page, `${name}-${theme}`)
    }
    await page.setViewportSize({ width: 360, height: 740 })
    expect(await overflow(page)).toBe(0)
    await picture(page, `${name}-narrow-dark`)
    expect(await violations(page)).toEqual([])
    await page.emulateMedia({ colorScheme: 'light' })
    await picture(page, `${name}-narrow-light`)
    expectNothingWrong(admin)
  })

  it('never tells what could not be judged as closed, and nothing by colour alone', async () => {
    const { page } = admin
    await open(page, `identities/${await idOf('/v1/identities', 'triage-agent')}`, 'triage-agent')
    const badge = page.getByText('Not judged', { exact: true }).first()
    const look = await badge.evaluate((element) => {
      const { borderTopStyle, backgroundImage } = getComputedStyle(element)
      return { borderTopStyle, hatched: backgroundImage.includes('gradient'), icon: element.querySelector('svg') !== null }
    })
    expect(look).toEqual({ borderTopStyle: 'dashed', hatched: true, icon: true })
    const closed = await page.evaluate(
      () =>
        [...document.querySelectorAll('.badge:not(.doubt)')].filter((each) => getComputedStyle(each).borderTopStyle === 'dashed')
          .length,
    )
    expect(closed).toBe(0)
    const times = await page
      .locator('main time')
      .evaluateAll((all) => all.map((each) => [each.getAttribute('datetime'), each.getAttribute('title')]))
    expect(times.length).toBeGreaterThan(3)
    for (const [machine, hover] of times) {
      expect(machine).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/)
      expect(hover).toContain('UTC')
    }
  })

  it('shows a door that closes while somebody looks, without being asked', async () => {
    const { page } = admin
    await open(
      page,
      `findings/${await idOf('/v1/findings?identity=agent-triage&kind=residual_access', 'residual_access')}`,
      /triage-agent/,
    )
    await page.getByText('Live', { exact: true }).waitFor()
    expect(await page.locator('.head .badge').textContent()).toBe('Open')
    await world.lab.revoke('agent-key')
    await page.locator('.head .badge', { hasText: 'Resolved' }).waitFor()
    await page.getByRole('listitem').filter({ hasText: 'Resolved' }).first().waitFor()
    await open(page, 'findings', 'Findings')
    await page.getByText(`${FINDINGS - 1} shown`).waitFor()
    await world.lab.restore('agent-key')
    await page.getByRole('link', { name: 'Access came back' }).waitFor()
    expectNothingWrong(admin)
  })

  it('is worked with the keyboard: filters, picks, acknowledges many, exempts one and takes it back', async () => {
    const { page } = await browser.signedIn(world.house, 'operator')
    await open(page, 'findings?kind=residual_access&identity=maya.lindqvist', 'Findings')
    await page.getByText('2 shown').waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('x')
    await page.keyboard.press('j')
    await page.keyboard.press('x')
    await page.getByText('2 picked').waitFor()
    await page.keyboard.press('a')
    await page.getByLabel('Note, for the record').fill('ticket 4711')
    await page.keyboard.press('Tab')
    await page.getByRole('dialog').getByRole('button', { name: 'Acknowledge' }).press('Enter')
    await page.getByText('2 findings acknowledged.').waitFor()
    await expect.poll(() => page.locator('tbody .badge', { hasText: 'Acknowledged' }).count()).toBe(2)
    await page.keyboard.press('k')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: /Maya Lindqvist/, level: 1 }).waitFor()
    await page.getByText('ticket 4711').waitFor()
    await page.keyboard.press('e')
    await page.getByLabel('Who answers for it').fill('ciso@example.com')
    await page.getByLabel('Why it is accepted').fill('the migration ends on Friday')
    await page.getByRole('dialog').getByRole('button', { name: 'Exempt' }).press('Enter')
    await page.locator('.head .badge', { hasText: 'Exempted' }).waitFor()
    await page.getByText('ciso@example.com answers for it: the migration ends on Friday').waitFor()
    await open(page, 'exemptions', 'Exemptions')
    await page.getByRole('button', { name: 'Take back' }).click()
    await page.getByLabel('Why, for the record').fill('done sooner')
    await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click()
    await page.locator('.badge', { hasText: 'Taken back' }).waitFor()
    await open(page, 'findings', 'Findings')
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).getByLabel('Single letters are commands').uncheck()
    await page.keyboard.press('Escape')
    await page.keyboard.press('j')
    expect(await page.locator('tr[data-cursor]').count()).toBe(0)
  })

  it('exempts what was not found yet, and ends it early', async () => {
    const { page } = await browser.signedIn(world.house, 'operator')
    await open(page, 'exemptions', 'Exemptions')
    await page.getByRole('button', { name: 'New exemption' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Who answers for it').fill('ciso@example.com')
    await dialog.getByLabel('Why it is accepted').fill('a handover until Friday')
    await dialog.getByRole('button', { name: 'Exempt' }).click()
    await dialog.getByText('Name an identity or a system').waitFor()
    await dialog.getByRole('combobox', { name: 'Identity' }).fill('maya')
    await expect
      .poll(() => page.locator('datalist option').evaluateAll((all) => all.map((each) => each.getAttribute('value'))))
      .toContain('maya.lindqvist')
    await dialog.getByRole('combobox', { name: 'Identity' }).fill('maya.lindqvist')
    await dialog.getByRole('combobox', { name: 'System' }).selectOption('payroll-db')
    await dialog.getByLabel('Kind of finding').selectOption('Access came back')
    await dialog.getByLabel('Credential').waitFor()
    expect(await violations(page)).toEqual([])
    await picture(page, 'exemption-new-light')
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.setViewportSize({ width: 360, height: 740 })
    expect([await violations(page), await overflow(page)]).toEqual([[], 0])
    await picture(page, 'exemption-new-narrow-dark')
    await page.setViewportSize({ width: 1280, height: 900 })
    await dialog.getByRole('button', { name: 'Exempt' }).click()
    const row = page.getByRole('row').filter({ hasText: 'a handover until Friday' })
    await row.getByText('Access came back about Maya Lindqvist at payroll-db').waitFor()
    await row.getByText('In force').waitFor()
    await page.getByRole('searchbox', { name: 'Identity' }).fill('nobody')
    await page.getByText('Nothing fits.').waitFor()
    await page.getByRole('searchbox', { name: 'Identity' }).fill('maya.lindqvist')
    await row.getByRole('button', { name: 'Take back' }).click()
    await dialog.getByLabel('Why, for the record').fill('done sooner')
    await dialog.getByRole('button', { name: 'Take back' }).click()
    await row.getByText('Taken back').waitFor()
  })

  it('tells what is proven of one leaver, in words, from his own page on', async () => {
    const { page } = admin
    await open(page, `identities/${await idOf('/v1/identities', 'Maya Lindqvist')}`, 'Maya Lindqvist')
    await page.getByRole('link', { name: 'Statement', exact: true }).click()
    await page.getByRole('heading', { name: 'Statement: Maya Lindqvist', level: 1 }).waitFor()
    await page.getByText(/of \d+ known paths still lets? this identity in\./).waitFor()
    await page.getByRole('table', { name: 'Paths' }).getByText('payroll-db').first().waitFor()
    await page.getByRole('link', { name: 'Export as a bundle' }).click()
    await expect.poll(() => page.getByLabel('Only one identity').inputValue()).toBe('maya.lindqvist')
    await page.getByRole('link', { name: 'Statements', exact: true }).click()
    await page.getByLabel('System').fill('payroll-db')
    await expect.poll(() => new URL(page.url()).hash).toBe('#/evidence/leavers?system=payroll-db')
    await expect
      .poll(async () => new Set(await page.locator('td[data-label="System"]').allInnerTexts()))
      .toEqual(new Set(['payroll-db critical']))
    await page.getByLabel('To', { exact: true }).fill('2001-01-01')
    await page.getByText('Nothing fits.').waitFor()
    expectNothingWrong(admin)
  })

  it('leads from a finding to its trace, where it is looked at', async () => {
    const { page } = admin
    await open(
      page,
      `findings/${await idOf('/v1/findings?identity=maya.lindqvist&kind=residual_access', 'residual_access')}`,
      /Maya Lindqvist/,
    )
    const facts = page.getByRole('region', { name: 'What it rests on' })
    const link = facts.getByRole('link')
    expect(await link.getAttribute('href')).toBe(`http://127.0.0.1:9/trace/${await link.textContent()}`)
    expect(await link.getAttribute('rel')).toBe('noopener noreferrer')
    await page
      .getByRole('region', { name: 'Timeline' })
      .getByRole('link', { name: /^Trace of/ })
      .first()
      .waitFor()
    await facts.getByRole('button', { name: 'Copy' }).waitFor()
  })

  it('reads the coverage calendar again when something was tried, and not at every try', async () => {
    const { page, context } = await browser.signedIn(world.house, 'viewer')
    let reads = 0
    page.on('request', (request) => {
      if (request.url().includes('/v1/coverage')) reads++
    })
    await open(page, 'evidence', 'Evidence')
    await page.clock.install()
    reads = 0
    await page.reload()
    await page.getByRole('table').filter({ hasText: 'bastion' }).first().waitFor()
    expect(reads).toBe(1)
    const after = page.waitForRequest(/\/v1\/coverage/)
    const told = page.waitForResponse(/\/v1\/ledger/)
    await told
    expect(reads).toBe(1)
    await page.clock.fastForward(15_000)
    await after
    await context.close()
  })

  it('changes what trials do: pauses and resumes a system, scans, tests a receiver', async () => {
    const { page } = admin
    await open(page, `systems/${await idOf('/v1/systems', 'bastion')}`, 'bastion')
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByLabel('Why, for the record').fill('maintenance')
    await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click()
    await page.getByText('maintenance').waitFor()
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    await page.getByRole('button', { name: 'Scan now' }).click()
    await page.getByText(/due now,/).waitFor()
    await open(page, 'setup/receivers', 'Setup')
    await page.getByRole('button', { name: 'Test' }).click()
    await page.getByRole('dialog', { name: 'receiver took the sample' }).getByRole('button', { name: 'Close' }).click()
    expectNothingWrong(admin)
  })

  it.each([
    {
      role: 'viewer',
      views: ['Overview', 'Findings', 'Identities', 'Systems', 'Evidence', 'Setup'],
      acts: false,
      exports: false,
    },
    {
      role: 'auditor',
      views: ['Overview', 'Findings', 'Identities', 'Systems', 'Evidence', 'Audit', 'Setup'],
      acts: false,
      exports: true,
    },
    {
      role: 'operator',
      views: ['Overview', 'Findings', 'Identities', 'Systems', 'Evidence', 'Setup'],
      acts: true,
      exports: true,
    },
  ] as const)('offers the role $role what it may do, and nothing else', async ({ role, views, acts, exports }) => {
    const visitor = await browser.signedIn(world.house, role)
    const { page } = visitor
    const links = await page.getByRole('navigation', { name: 'Views' }).getByRole('link').allInnerTexts()
    expect(links.map((text) => text.split('\n')[0])).toEqual(views)
    const offered = async (name: string) => (await page.locator('main').getByRole('button', { name, exact: true }).count()) > 0
    await open(page, `identities/${await idOf('/v1/identities', 'Maya Lindqvist')}`, 'Maya Lindqvist')
    expect([await offered('Scan now'), await offered('Reinstate')]).toEqual([acts, acts])
    await open(page, `findings/${await idOf('/v1/findings', 'open_system')}`, /Open system/)
    expect([await offered('Acknowledge'), await offered('Exempt')]).toEqual([acts, acts])
    await open(page, 'exemptions', 'Exemptions')
    expect(await offered('New exemption')).toBe(acts)
    await open(page, 'systems', 'Systems')
    expect(await offered('Pause everything')).toBe(acts)
    await open(page, 'evidence', 'Evidence')
    // Whoever has a bundle may verify it: that asks the daemon nothing.
    expect([await offered('Export'), await offered('Verify')]).toEqual([exports, true])
    expect((await page.getByRole('link', { name: 'Statements' }).count()) > 0).toBe(exports)
    await open(page, 'setup', 'Setup')
    expect((await page.getByRole('navigation', { name: 'Setup' }).getByRole('link').allInnerTexts()).includes('Guide')).toBe(acts)
    expectNothingWrong(visitor)
    // Whoever types the address is told so by the API, not by the page alone.
    await page.goto('/#/access')
    await page.getByText('Your role may not see this.').first().waitFor()
    forgive(visitor, / status of 403 /)
  })

  it('ends with the session: here, and where an administrator ended it', async () => {
    const viewer = await browser.signedIn(world.house, 'viewer')
    await open(admin.page, 'access', 'Access')
    const row = admin.page.getByRole('row').filter({ hasText: 'viewer' }).first()
    await row.getByRole('button', { name: 'End' }).click()
    await admin.page.getByRole('dialog').getByRole('button', { name: 'Go on' }).click()
    await viewer.page.goto('/#/identities')
    await viewer.page.reload()
    await viewer.page.getByRole('heading', { name: 'Sign in' }).waitFor()
    for (const theme of ['light', 'dark'] as const) {
      await viewer.page.emulateMedia({ colorScheme: theme })
      expect(await violations(viewer.page)).toEqual([])
      await picture(viewer.page, `sign-in-${theme}`)
    }
    await viewer.page.setViewportSize({ width: 360, height: 740 })
    expect(await overflow(viewer.page)).toBe(0)
    expect(await violations(viewer.page)).toEqual([])
    await picture(viewer.page, 'sign-in-narrow-dark')
    forgive(viewer, / status of 401 /)
    const other = await browser.signedIn(world.house, 'viewer')
    await other.page.getByRole('button', { name: 'Sign out' }).click()
    await other.page.getByText('You are signed out.').waitFor()
    await other.page.reload()
    await other.page.getByRole('heading', { name: 'Sign in' }).waitFor()
    expectNothingWrong(other)
    expectNothingWrong(admin)
  })

  it('shows a new token once, which then works', async () => {
    const { page } = admin
    await open(page, 'access', 'Access')
    await page.getByRole('button', { name: 'New token' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.locator('input[name="name"]').fill('siem-pull')
    // Whoever came by the printed link is nobody whose leaving would end it.
    await dialog.getByLabel('Owner').fill('soc@example.com')
    await dialog.getByRole('button', { name: 'Make' }).click()
    const token = (await page.locator('[data-token]').textContent())?.trim() ?? ''
    expect(token).toMatch(/^rvt_/)
    await page.getByRole('button', { name: 'I have it' }).click()
    const answer = await fetch(`${world.daemon.address}/v1/findings`, { headers: { authorization: `Bearer ${token}` } })
    expect(answer.status).toBe(200)
    await page.reload()
    await page.getByText('siem-pull').waitFor()
    expect(await page.content()).not.toContain(token)
    expectNothingWrong(admin)
  })

  it('shows its first view within a second, from an empty cache', async () => {
    const { context } = admin
    const took: number[] = []
    for (let turn = 0; turn < 3; turn++) {
      const page = await context.newPage()
      const session = await context.newCDPSession(page)
      await session.send('Network.clearBrowserCache')
      await page.goto('/#/overview', { waitUntil: 'commit' })
      await page.locator('.doors .figure').waitFor()
      took.push(await page.evaluate(() => performance.now()))
      await page.close()
    }
    // The best of three: other tests run on the same two cores.
    expect(Math.min(...took)).toBeLessThan(1_000)
  })

  it('can be walked with the keyboard alone', async () => {
    const { page } = admin
    await open(page, 'systems', 'Systems')
    await page.reload()
    await page.getByRole('link', { name: 'bastion' }).waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')
    const opener = page.getByRole('button', { name: 'Pause everything' })
    await opener.press('Enter')
    await page.getByRole('dialog').waitFor()
    expect(await violations(page)).toEqual([])
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(await opener.evaluate((button) => button === document.activeElement)).toBe(true)
    await page.getByRole('link', { name: 'bastion' }).press('Enter')
    await page.getByRole('heading', { name: 'bastion', level: 1 }).waitFor()
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('H1')
    expectNothingWrong(admin)
  })

  it('follows the theme that is chosen, and keeps it', async () => {
    const { page } = admin
    await open(page, 'overview', 'Overview')
    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
    const light = await ground()
    await page.getByRole('radio', { name: 'Dark' }).check()
    const dark = await ground()
    expect(dark).not.toBe(light)
    await page.reload()
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    expect(await ground()).toBe(dark)
    await page.getByRole('radio', { name: 'Auto' }).check()
    expect(await ground()).toBe(light)
  })
})
