import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { lines } from '../commands/house.ts'
import {
  expectNothingWrong,
  hasBrowser,
  openBrowser,
  overflow,
  picture,
  signInLink,
  type TestBrowser,
  type Visitor,
  violations,
} from './browser.ts'
import { builtPage } from './built.ts'
import { type LabHouse, openLabHouse } from './lab-house.ts'

/** Findings that the lab ends with once everything was tried. */
const FINDINGS = 7
const TABS = 8
const list = z.object({ items: z.array(z.looseObject({ id: z.string() })) })

describe.skipIf(!hasBrowser)('the manners of the page (chromium)', { timeout: 120_000 }, () => {
  let world: LabHouse
  let browser: TestBrowser
  let operator: Visitor
  beforeAll(async () => {
    await builtPage()
    world = await openLabHouse()
    browser = await openBrowser(world.daemon.address)
    operator = await browser.signedIn(world.house, 'operator')
    await operator.page.goto('/#/findings')
    await operator.page.getByText(`${FINDINGS} shown`).waitFor()
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await world?.stop()
  })
  afterEach(() => browser.settle(operator))

  const itemsAt = async (path: string) => list.parse(await (await operator.page.request.get(path)).json()).items
  const idAt = async (path: string): Promise<string> => {
    const [first] = await itemsAt(path)
    if (first === undefined) throw new Error(`nothing at ${path}`)
    return first.id
  }
  const ran = async (...words: string[]) => {
    const { exit, stdout, stderr } = await world.house.run(words)
    if (exit !== 0) throw new Error(`${words.join(' ')}: ${stdout}${stderr}`)
  }
  const open = async (page: Page, hash: string, heading: string | RegExp) => {
    await page.goto(`/#/${hash}`)
    await page.getByRole('heading', { name: heading, level: 1 }).waitFor()
    await page.waitForFunction(() => document.querySelector('.ghosts') === null)
  }
  const looksWell = async (page: Page, name: string) => {
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme })
      expect(await violations(page)).toEqual([])
      await picture(page, `${name}-${colorScheme}`)
    }
    await page.setViewportSize({ width: 360, height: 740 })
    expect(await overflow(page)).toBe(0)
    expect(await violations(page)).toEqual([])
    await picture(page, `${name}-narrow-light`)
    await page.setViewportSize({ width: 1280, height: 900 })
  }

  it('listens with one stream in eight tabs, all of which hear; another takes over from the one that is put away', async () => {
    const { context } = await browser.signedIn(world.house, 'viewer')
    for (const page of context.pages()) await page.close()
    const streams: Page[] = []
    context.on('request', (request) => {
      if (new URL(request.url()).pathname === '/v1/events') streams.push(request.frame().page())
    })
    const tabs: Page[] = []
    for (let count = 0; count < TABS; count++) {
      const page = await context.newPage()
      await page.goto('/#/systems')
      await page.getByRole('link', { name: 'bastion' }).waitFor()
      await page.getByText('Live', { exact: true }).waitFor()
      tabs.push(page)
    }
    expect(streams).toHaveLength(1)
    await ran('pause', '--all', '--note', 'eight tabs')
    for (const page of tabs) await page.getByText('eight tabs').waitFor()
    const [speaker] = streams
    await speaker?.evaluate(() => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, value: 'hidden' })
      document.dispatchEvent(new Event('visibilitychange'))
    })
    await expect.poll(() => streams.length).toBe(2)
    expect(streams[1]).not.toBe(speaker)
    for (const page of tabs) await page.getByText('Live', { exact: true }).waitFor()
    await ran('resume', '--all')
    // The one that nobody sees is told as well.
    for (const page of tabs) await page.getByText('eight tabs').waitFor({ state: 'detached' })
    await streams[1]?.close()
    await expect.poll(() => streams.length).toBe(3)
  })

  it('lets no breach of its policy pass, whoever it happens to', async () => {
    const visitor = await browser.visitor()
    await visitor.page.goto('/')
    await visitor.page.evaluate(() => {
      new Image().src = 'http://127.0.0.1:1/beacon.png'
    })
    await expect.poll(() => visitor.wrongs.join()).toContain('Content Security Policy')
    await expect(browser.settle(operator)).rejects.toThrow()
  })

  it('draws a refusal that proves nothing as such', async () => {
    const weak = z.object({ items: z.array(z.looseObject({ verdict: z.string(), strength: z.string(), assurance: z.string() })) })
    const found: string[] = []
    for (const { id } of await itemsAt('/v1/credentials?verdict=rejected&limit=100')) {
      const { items } = weak.parse(await (await operator.page.request.get(`/v1/credentials/${id}/observations`)).json())
      const last = items[0]
      if (last?.verdict === 'rejected' && last.strength === 'weak' && last.assurance === 'explicit') found.push(id)
    }
    expect(found).not.toEqual([])
    const { page } = operator
    await open(page, `credentials/${found[0]}`, /bastion/)
    const badges = page.getByRole('table', { name: 'Observations' }).locator('.badge')
    await badges.filter({ hasText: 'Refused, not proven' }).first().waitFor()
    expect(await page.locator('main .badge.closed').count()).toBe(0)
    expect(new Set(await badges.evaluateAll((all) => all.map((each) => getComputedStyle(each).borderTopStyle)))).toEqual(
      new Set(['dashed']),
    )
    await picture(page, 'not-proven-light')
  })

  it('takes a planned departure back', async () => {
    const { page } = operator
    const leaves = new Date(Date.now() + 29 * 86_400_000).toISOString()
    world.house.write('later.jsonl', lines([{ external_id: 'nora', name: 'Nora Quist', terminated_at: leaves }]))
    await ran('import', 'identities', 'later.jsonl')
    await open(page, `identities/${await idAt('/v1/identities?q=nora')}`, 'Nora Quist')
    await page.getByText('leaves', { exact: false }).first().waitFor()
    await page.getByRole('button', { name: 'Reinstate' }).click()
    const dialog = page.getByRole('dialog', { name: 'Nora Quist stays' })
    await dialog.getByLabel('Why, for the record').fill('she stays')
    await dialog.getByRole('button', { name: 'Reinstate' }).click()
    await page.getByText('is here', { exact: true }).waitFor()
    expect(await page.getByRole('button', { name: 'Reinstate' }).count()).toBe(0)
  })

  it('moves the focus with the keyboard, and acts only on what is shown', async () => {
    const { page } = operator
    await open(page, 'findings?kind=residual_access', 'Findings')
    await page.keyboard.press('j')
    const focused = () => page.evaluate(() => document.activeElement?.closest('tr')?.getAttribute('data-row'))
    const ids = await page.locator('tbody tr').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-row')))
    expect(await focused()).toBe(ids[0])
    await page.keyboard.press('ArrowDown')
    expect(await focused()).toBe(ids[1])
    expect(await page.locator('tbody tr[tabindex="0"]').count()).toBe(1)
    await looksWell(page, 'findings-keyboard')
    await page.keyboard.press('End')
    expect(await focused()).toBe(ids.at(-1))
    await page.keyboard.press('x')
    await page.keyboard.press('Home')
    await page.keyboard.press('x')
    await page.getByText('2 picked').waitFor()
    await page.getByLabel('Kind').selectOption('Open system')
    await page.getByText('1 shown').waitFor()
    expect(await page.getByText('picked').count()).toBe(0)
    await page.locator('body').press('e')
    expect(await page.getByRole('dialog').count()).toBe(0)
    await page.getByLabel('Kind').selectOption('Residual access')
    await page.getByText(`${ids.length} shown`).waitFor()
    expect(await page.getByText('picked').count()).toBe(0)
    await page.locator('tbody tr').first().focus()
    await page.keyboard.press('Enter')
    await page.waitForURL(`**/#/findings/${ids[0]}`)
  })

  it('names what it acts on, and acts on what was seen', async () => {
    const { page } = operator
    const id = await idAt('/v1/findings?kind=residual_access&identity=svc-nightly-backup')
    await open(page, 'findings?identity=svc-nightly-backup&kind=residual_access', 'Findings')
    await page.locator(`[data-row="${id}"]`).focus()
    await page.keyboard.press('a')
    const dialog = page.getByRole('dialog', { name: 'Acknowledge 1 finding' })
    await dialog.getByText('nightly-backup, payroll-db').waitFor()
    await looksWell(page, 'acknowledge')
    await ran('findings', 'acknowledge', id, '--note', 'somebody else was quicker')
    await dialog.getByLabel('Note, for the record').fill('mine')
    await dialog.getByRole('button', { name: 'Acknowledge' }).click()
    await dialog.getByText('acknowledged it. Nothing was done', { exact: false }).waitFor()
    const [request] = await Promise.all([
      page.waitForRequest((each) => each.method() === 'POST' && each.url().endsWith('/acknowledge')),
      dialog.getByRole('button', { name: 'Acknowledge' }).click(),
    ])
    expect(request.headers()['if-match']).toMatch(/^"[\w-]{43}"$/)
    await dialog.waitFor({ state: 'detached' })
  })

  it('says what reinstating leaves open, and closes that by hand', async () => {
    const { page } = operator
    const id = await idAt('/v1/findings?kind=residual_access&identity=maya.lindqvist')
    await open(page, `findings/${id}`, /Maya Lindqvist/)
    expect(await page.getByRole('button', { name: 'Resolve' }).count()).toBe(0)
    await open(page, `identities/${await idAt('/v1/identities?q=maya')}`, 'Maya Lindqvist')
    await page.getByRole('button', { name: 'Reinstate' }).click()
    const back = page.getByRole('dialog', { name: 'Maya Lindqvist is back' })
    await back.getByText('stays open until somebody resolves it', { exact: false }).waitFor()
    await back.getByLabel('Why, for the record').fill('rehired')
    await back.getByRole('button', { name: 'Reinstate' }).click()
    await back.waitFor({ state: 'detached' })
    await open(page, `findings/${id}`, /Maya Lindqvist/)
    expect(await page.locator('.head .badge').textContent()).toBe('Open')
    await page.getByRole('button', { name: 'Resolve' }).click()
    const dialog = page.getByRole('dialog', { name: 'Resolve 1 finding' })
    await dialog.getByLabel('Note, for the record').fill('the key is hers again')
    expect(await violations(page)).toEqual([])
    await picture(page, 'resolve-light')
    await dialog.getByRole('button', { name: 'Resolve' }).click()
    await page.locator('.head .badge', { hasText: 'Resolved' }).waitFor()
    await page.getByText('the key is hers again').waitFor()
  })

  it('hands out the proof of an entry, to whoever may have evidence', async () => {
    const auditor = await browser.signedIn(world.house, 'auditor')
    const { page } = auditor
    const id = await idAt('/v1/findings?kind=open_system')
    await open(page, `findings/${id}`, /Open system/)
    const link = page.getByRole('link', { name: 'Download its proof' }).first()
    const [download] = await Promise.all([page.waitForEvent('download'), link.click()])
    expect(download.suggestedFilename()).toMatch(/^\d+\.tlog-proof$/)
    const path = world.house.path('entry.tlog-proof')
    await download.saveAs(path)
    expect(readFileSync(path, 'utf8')).toMatch(/^c2sp\.org\/tlog-proof@v1\nindex \d+\n/)
    expect(await violations(page)).toEqual([])
    const viewer = await browser.signedIn(world.house, 'viewer')
    await open(viewer.page, `findings/${id}`, /Open system/)
    await viewer.page
      .getByText(/^entry \d+/)
      .first()
      .waitFor()
    expect(await viewer.page.getByRole('link', { name: 'Download its proof' }).count()).toBe(0)
  })

  it('exports what one requirement of one framework asks for', async () => {
    const auditor = await browser.signedIn(world.house, 'auditor')
    const { page } = auditor
    await open(page, 'evidence', 'Evidence')
    await page.getByLabel('Only one framework').selectOption('nist_csf')
    await page.getByLabel('Only one requirement').selectOption('PR.AA-05')
    await picture(page, 'export-light')
    const [request, download] = await Promise.all([
      page.waitForRequest('**/v1/evidence/bundle'),
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export' }).click(),
    ])
    expect(request.postDataJSON()).toMatchObject({ framework: 'nist_csf', control: 'PR.AA-05' })
    const path = world.house.path('requirement.zip')
    await download.saveAs(path)
    await ran('verify', path)
    await page.getByLabel('Only one framework').selectOption('soc2')
    expect(await page.getByLabel('Only one requirement').inputValue()).toBe('')
  })

  it('brings whoever had to sign in to the place that he came for', async () => {
    const id = await idAt('/v1/findings?kind=open_system')
    const gate = async () => {
      const visitor = await browser.visitor()
      await visitor.page.goto(`/#/findings/${id}`)
      await visitor.page.getByRole('heading', { name: 'Sign in' }).waitFor()
      return visitor
    }
    const arrives = async ({ page }: Visitor) => {
      await page.getByRole('heading', { name: /Open system/, level: 1 }).waitFor()
      expect(new URL(page.url()).hash).toBe(`#/findings/${id}`)
    }
    const pasted = await gate()
    await pasted.page.getByLabel('Link or code').fill(await signInLink(world.house, 'viewer'))
    await pasted.page.getByRole('button', { name: 'Sign in' }).click()
    await arrives(pasted)
    await pasted.page.getByRole('button', { name: 'Sign out' }).click()
    await pasted.page.getByLabel('Link or code').fill(await signInLink(world.house, 'viewer'))
    await pasted.page.getByRole('button', { name: 'Sign in' }).click()
    await pasted.page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    const followed = await gate()
    await followed.page.goto(await signInLink(world.house, 'viewer'))
    await arrives(followed)
    // As the provider leads back: to the start, with a session.
    const led = await gate()
    const code = new URL(await signInLink(world.house, 'viewer')).hash.split('code=')[1]
    const origin = world.daemon.address
    const signed = await led.page.request.post('/v1/session', { data: { code }, headers: { origin } })
    expect(signed.status()).toBe(201)
    await led.page.goto('about:blank')
    await led.page.goto('/')
    await arrives(led)
    expectNothingWrong(led)
  })
})
