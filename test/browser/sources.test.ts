import { setTimeout as sleep } from 'node:timers/promises'
import { Encrypter } from 'age-encryption'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openTokenHouse, QUICK, type TokenHouse } from '../commands/house.ts'
import { type HttpServer, openHttp } from '../servers/hostile-http.ts'
import { type RunningDaemon, until } from '../servers/revenant.ts'
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

const TOKEN = 'scim-token-0123456789abcdef'
const USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
const STAFF = ['ada', 'ben', 'cleo', 'dov', 'eva', 'finn']
const LEAVERS = STAFF.slice(0, 5)

const page = z.looseObject({
  items: z.array(z.looseObject({ id: z.string(), name: z.string().nullable(), present: z.int().optional() })),
})

describe.skipIf(!hasBrowser)('sources of leavers on the page (chromium)', { timeout: 120_000 }, () => {
  let house: TokenHouse
  let okta: HttpServer
  /** What may be read there. */
  let mayList = true
  let daemon: RunningDaemon
  let browser: TestBrowser
  let operator: Visitor
  /** Ids over there, by user name. */
  const users = new Map<string, string>()
  beforeAll(async () => {
    await builtPage()
    // Answers as Okta documents them: gil is known there, and no list has anything of anybody.
    okta = await openHttp(({ url }) => {
      const [path = ''] = url.split('?')
      if (path === '/api/v1/users/gil') return { status: 200, body: { id: '00u1' } }
      if (/^\/api\/v1\/users\/[^/]+$/.test(path)) return { status: 404, body: { errorCode: 'E0000007' } }
      const isKept = path === '/api/v1/api-tokens' && !mayList
      return isKept ? { status: 403, body: { errorCode: 'E0000006' } } : { status: 200, body: [] }
    })
    house = await openTokenHouse({ SCIM_TOKEN: TOKEN, OKTA_TOKEN: 'okta-token-0123456789' })
    // What is let in still is what a handover waits for.
    house.api.live.set('token-of-gil', 'gil')
    house.write('drop/all.csv', rowsOf(STAFF, ''))
    // A folder that is none: the source cannot be asked.
    house.write('blocked', 'no folder')
    const target = { baseUrl: okta.origin, tls: 'disable' }
    const inventory = { kind: 'okta', by: 'externalId', every: '30d', target, credential: { token: 'env:OKTA_TOKEN' } }
    const files = { source: 'files', every: '1s', settle: '1s' }
    house.configure({
      systems: [house.system({ inventory })],
      policy: QUICK,
      sources: [
        { name: 'okta', source: 'scim', tokens: ['env:SCIM_TOKEN'] },
        { ...files, name: 'hr', folder: 'drop', massEvent: { share: 0.1, least: 2 } },
        { ...files, name: 'old-hr', folder: 'blocked', every: '1d' },
      ],
    })
    daemon = await house.daemon()
    browser = await openBrowser(daemon.address)
    operator = await browser.signedIn(house, 'operator')
    await until(
      () => items('/v1/sources'),
      (all) => all.find(({ name }) => name === 'hr')?.present === STAFF.length,
    )
    for (const name of ['gil', 'hana', 'ivo']) users.set(name, await join(name))
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await house?.stop()
    await okta?.stop()
  })
  beforeEach(async () => {
    await operator.page.setViewportSize({ width: 1280, height: 900 })
    await operator.page.emulateMedia({ colorScheme: 'light' })
  })
  afterEach(() => browser.settle(operator))

  const items = async (path: string) => {
    const answer = await operator.page.request.get(path)
    return page.parse(await answer.json()).items
  }
  const scim = async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(`${daemon.address}/scim/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/scim+json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    expect(answer.ok, `${method} ${path}: ${answer.status}`).toBe(true)
    return answer.status === 204 ? undefined : answer.json()
  }
  async function join(userName: string): Promise<string> {
    const user = { schemas: [USER], userName, displayName: `${capital(userName)} Ito`, active: true }
    return z.looseObject({ id: z.string() }).parse(await scim('POST', '/Users', user)).id
  }
  const deactivate = (userName: string) =>
    scim('PATCH', `/Users/${users.get(userName)}`, {
      schemas: [PATCH],
      Operations: [{ op: 'replace', path: 'active', value: false }],
    })
  const open = async (on: Page, hash: string, heading: string | RegExp) => {
    await on.goto(`/#/${hash}`)
    await on.getByRole('heading', { name: heading, level: 1 }).waitFor()
    await on.waitForFunction(() => document.querySelector('.ghosts') === null)
    await on.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
  }
  /** Accessible in both themes, and no wider than a phone. */
  const inspect = async (on: Page, name: string) => {
    for (const theme of ['light', 'dark'] as const) {
      await on.emulateMedia({ colorScheme: theme })
      expect(await violations(on)).toEqual([])
      await picture(on, `${name}-${theme}`)
    }
    await on.setViewportSize({ width: 360, height: 740 })
    expect(await overflow(on)).toBe(0)
    expect(await violations(on)).toEqual([])
    await picture(on, `${name}-narrow-dark`)
    await on.setViewportSize({ width: 1280, height: 900 })
    await on.emulateMedia({ colorScheme: 'light' })
  }
  const badge = (on: Page) => on.getByRole('navigation', { name: 'Views' }).getByText('that wait for a decision')
  const rowOf = (on: Page, text: string) => on.getByRole('row').filter({ hasText: text })
  const idOf = async (name: string) => {
    const all = await items(`/v1/identities?q=${name}`)
    return all[0]?.id ?? expect.fail(`no ${name}`)
  }

  it('tells how each source stands in words, and what to do, and pulls now', async () => {
    const { page } = operator
    await open(page, 'setup/sources', 'Setup')
    await rowOf(page, 'okta').getByText('Heard', { exact: true }).waitFor()
    await rowOf(page, 'okta').getByText('inactive: a person decides').waitFor()
    expect(await rowOf(page, 'okta').getByRole('button').count()).toBe(0)
    await rowOf(page, 'old-hr').getByText('Failing').waitFor()
    await rowOf(page, 'old-hr').getByText('Until then nobody hears who leaves').waitFor()
    await inspect(page, 'setup-sources')
    await page.getByRole('button', { name: 'Pull now from hr', exact: true }).click()
    await page.getByText('hr answered, and what it said is taken.').waitFor()
    await page.getByRole('button', { name: 'Pull now from old-hr' }).click()
    await page.locator('.toast.bad').waitFor()
    forgive(operator, / status of (?:4|5)\d\d /)
    expectNothingWrong(operator)
  })

  it('waits for a person where somebody is inactive, counts it in the frame while he looks, and takes his word', async () => {
    const { page } = operator
    await open(page, 'waiting', 'Waiting for you')
    await page.getByText('Nothing more waits for a decision.').waitFor()
    expect(await badge(page).count()).toBe(0)
    await page.getByText('Live', { exact: true }).waitFor()
    await deactivate('gil')
    await badge(page).waitFor()
    await page.getByRole('link', { name: 'Waiting for you (1)' }).waitFor()
    await rowOf(page, 'Gil Ito').getByText('Left, or only inactive?').waitFor()
    await rowOf(page, 'Gil Ito').focus()
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Decide about Gil Ito' })
    await dialog.getByRole('radio', { name: /They have left/ }).check()
    await inspect(page, 'decide-ask')
    await dialog.getByRole('button', { name: 'Decide' }).click()
    await page.getByText('Decided: gil is gone as of').waitFor()
    await badge(page).waitFor({ state: 'detached' })
    await open(page, `identities/${await idOf('gil')}`, 'Gil Ito')
    const words = page.getByRole('region', { name: 'What sources say' })
    await words.getByText('SCIM').waitFor()
    await words.locator('.badge', { hasText: 'Left' }).waitFor()
    await words.getByRole('link', { name: 'everything they said' }).click()
    await page.getByRole('heading', { name: 'Waiting for you', level: 1 }).waitFor()
    expect(new URL(page.url()).hash).toBe('#/waiting?state=any&identity=gil')
    await rowOf(page, 'Is inactive').getByText('Taken').waitFor()
    await inspect(page, 'statements-of-one')
  })

  it('tells a suspension apart from a departure', async () => {
    const { page } = operator
    await deactivate('hana')
    await open(page, 'waiting?source=okta', 'Waiting for you')
    await page.getByRole('button', { name: 'Decide about Hana Ito' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('radio', { name: /They are suspended/ }).check()
    await dialog.getByRole('button', { name: 'Decide' }).click()
    await page.getByText('Decided: hana is suspended.').waitFor()
    await open(page, `identities/${await idOf('hana')}`, 'Hana Ito')
    await page.locator('.head .badge', { hasText: 'Suspended' }).waitFor()
    await page.getByRole('region', { name: 'What sources say' }).locator('.badge', { hasText: 'Suspended' }).waitFor()
    await inspect(page, 'identity-suspended')
  })

  it('asks whether a known name with a new id is the same person, and never takes it so by mistake', async () => {
    const { page } = operator
    await scim('DELETE', `/Users/${users.get('ivo')}`)
    await join('ivo')
    await open(page, 'waiting?reason=identifier_reuse', 'Waiting for you')
    await page.getByRole('button', { name: 'Decide about Ivo Ito' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('radio', { name: /Somebody else/ }).check()
    const as = dialog.getByLabel('External id of somebody else')
    await as.fill('   ')
    await dialog.getByRole('button', { name: 'Decide' }).click()
    await dialog.getByText('Say what somebody else is called here.').waitFor()
    await inspect(page, 'decide-reuse')
    await as.fill('ivo-2')
    await dialog.getByRole('button', { name: 'Decide' }).click()
    await page.getByText('Decided: ivo-2 is here.').waitFor()
    await page.getByText('Nothing fits.').waitFor()
    expect((await items('/v1/identities?q=ivo')).length).toBe(2)
  })

  it('holds a mass event as one, and names how many and whom before all of it is decided', async () => {
    const { page } = operator
    await open(page, 'waiting', 'Waiting for you')
    house.write('drop/gone.csv', rowsOf(LEAVERS, new Date(Date.now() - 60_000).toISOString()))
    const event = page.getByRole('region', { name: 'hr: 5 departures at once' })
    await event.waitFor()
    await event.getByText('in one delivery').waitFor()
    await inspect(page, 'mass-event')
    const viewer = await browser.signedIn(house, 'viewer')
    await open(viewer.page, 'waiting', 'Waiting for you')
    await viewer.page.getByText('An operator decides.').waitFor()
    expect(
      await viewer.page
        .locator('main')
        .getByRole('button', { name: /Apply|Dismiss|Decide/ })
        .count(),
    ).toBe(0)
    expectNothingWrong(viewer)
    await event.getByText('Decide about them one by one').click()
    await event.getByRole('button', { name: 'Decide about Ada' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('radio', { name: /Neither/ }).check()
    await dialog.getByRole('button', { name: 'Decide' }).click()
    await page.getByText('Decided: 1 dismissed.').waitFor()
    const rest = page.getByRole('region', { name: 'hr: 4 departures at once' })
    await rest.getByRole('button', { name: 'Apply all of hr' }).click()
    await page.getByRole('heading', { name: 'Apply to 4 people' }).waitFor()
    for (const name of LEAVERS.slice(1)) await dialog.getByText(capital(name), { exact: true }).waitFor()
    expect(await dialog.getByText('Ada', { exact: true }).count()).toBe(0)
    await inspect(page, 'mass-event-apply')
    await dialog.getByRole('button', { name: 'Apply to all 4 people' }).click()
    await page.getByText('Decided: 4 terminated.').waitFor()
    await page.getByText('Nothing more waits for a decision.').waitFor()
    const left = await items('/v1/identities?state=terminated')
    expect(left.map(({ name }) => name)).toEqual(expect.arrayContaining(LEAVERS.slice(1).map(capital)))
    expect(left.map(({ name }) => name)).not.toContain('Ada')
    expectNothingWrong(operator)
  })

  it('takes credentials in, pasted and encrypted, and lists what was brought in', async () => {
    const { page, context } = operator
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await open(page, 'setup/intake', 'Setup')
    await inspect(page, 'setup-intake')
    await page.getByRole('button', { name: 'Copy the recipient' }).click()
    const recipient = await page.evaluate(() => navigator.clipboard.readText())
    expect(recipient).toBe((await page.locator('[data-recipient]').textContent())?.trim())
    await page.getByRole('button', { name: 'Copy the command' }).click()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain(`age -r ${recipient}`)
    const held = (identity: string) =>
      `${JSON.stringify({ identity, system: 'api', secret: { token: `token-of-${identity}` } })}\n`
    await page.getByLabel('Or rows, pasted').fill(held('gil'))
    await page.getByRole('button', { name: 'Only check' }).click()
    await page.getByText('Checked, nothing written').waitFor()
    await page.getByRole('button', { name: 'Import credentials' }).click()
    await page.getByText('Imported').waitFor()
    expect(await page.getByLabel('Or rows, pasted').inputValue()).toBe('')
    const encrypter = new Encrypter()
    encrypter.addRecipient(recipient)
    const buffer = Buffer.from(await encrypter.encrypt(held('ben') + held('cleo')))
    await page.getByLabel(/^File with credentials/).setInputFiles({ name: 'held.jsonl.age', mimeType: '', buffer })
    await page.getByRole('button', { name: 'Import credentials' }).click()
    await page.getByText('Imported: 2 rows, 2 new').waitFor()
    await page.getByRole('link', { name: 'All imports' }).click()
    await rowOf(page, 'held.jsonl.age').getByText('2 new, 0 changed').waitFor()
    expect(new URL(page.url()).hash).toBe('#/setup/sources?what=credentials')
    await page.getByRole('combobox', { name: 'What' }).selectOption('Workstation')
    await page.getByText('Nothing fits.').waitFor()
    expect(await page.content()).not.toContain('token-of-')
    expectNothingWrong(operator)
  })

  it('tells what is wrong with rows, and what may be', async () => {
    const { page } = operator
    await open(page, 'setup/guide', 'Setup')
    const rows = 'external_id,name,kind,owner\nexport,Export,service,nobody-known\n,Nameless,service,gil\n'
    await page.getByText('Bring in more').first().click()
    await page.getByLabel('Or rows, pasted').first().fill(rows)
    await page.getByRole('button', { name: 'Only check' }).first().click()
    const said = page.getByRole('status').filter({ hasText: 'Checked, nothing written' })
    await said.getByText('1 bad row').waitFor()
    await said.getByText('line 3, external_id').waitFor()
    await said.getByText('1 thing that may be wrong, of rows that were taken').waitFor()
    await said.getByText('line 2, owner: names an owner whom nobody knows').waitFor()
    await inspect(page, 'import-warnings')
    expectNothingWrong(operator)
  })

  it('shows what a leaver answers for as a tree, hands over, and transfers what is left', async () => {
    const { page } = operator
    const robots = 'external_id,name,kind,owner\nrobot,Robot,service,gil\nhelper,Helper,agent,robot\n'
    house.write('robots.csv', robots)
    const ran = await house.run(['import', 'identities', 'robots.csv'])
    expect(ran.exit, ran.stderr).toBe(0)
    await open(page, `identities/${await idOf('gil')}`, 'Gil Ito')
    const tree = page.getByRole('region', { name: 'Answers for' })
    await tree.getByRole('link', { name: 'Robot' }).waitFor()
    await tree.getByText('Answers for: Robot').click()
    await tree.getByRole('link', { name: 'Helper' }).waitFor()
    await page.getByRole('region', { name: 'Standing grants' }).getByText('No inventory lists anything of it.').waitFor()
    await inspect(page, 'identity-tree')
    await page.getByRole('button', { name: 'Hand over' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.locator('input[name="to"]').fill('finn')
    await dialog.getByLabel('Why, for the record').fill('the nightly export goes on')
    expect(await violations(page)).toEqual([])
    await picture(page, 'hand-over-light')
    await dialog.getByRole('button', { name: 'Agree' }).click()
    await page.getByText(/Agreed: 1 credential must be refused by then; robot transferred/).waitFor()
    const agreed = page.getByRole('region', { name: 'Handovers' })
    await agreed.getByText('Running').waitFor()
    await inspect(page, 'identity-handover')
    await agreed.getByRole('button', { name: 'Cancel it' }).click()
    await dialog.getByLabel('Why, for the record').fill('it ends instead')
    await dialog.getByRole('button', { name: 'Cancel the handover' }).click()
    await agreed.getByText('Cancelled').waitFor()
    await open(page, `identities/${await idOf('robot')}`, 'Robot')
    await page.getByRole('link', { name: 'Finn' }).waitFor()
    await page.getByRole('button', { name: 'Transfer' }).click()
    await dialog.getByRole('combobox', { name: 'New owner' }).fill('hana')
    await dialog.getByLabel('Why, for the record').fill('moved to her team')
    await dialog.getByRole('button', { name: 'Transfer' }).click()
    await page.getByText('hana answers for it now.').waitFor()
    await page.getByRole('link', { name: 'Hana Ito' }).waitFor()
    expectNothingWrong(operator)
  })

  const ran = async (...words: string[]) => {
    const { exit, stderr } = await house.run(words)
    expect(exit, stderr).toBe(0)
  }

  it('lists whoever is suspended, by the address', async () => {
    const { page } = operator
    await open(page, 'identities', 'Identities')
    await page.getByRole('combobox', { name: 'State' }).selectOption('Is suspended')
    await rowOf(page, 'Hana Ito').locator('.badge', { hasText: 'Suspended' }).waitFor()
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1)
    expect(new URL(page.url()).hash).toBe('#/identities?state=suspended')
    await inspect(page, 'identities-suspended')
    await open(page, 'identities?state=suspended&q=nobody', 'Identities')
    await page.getByText('No identity fits these filters.').waitFor()
  })

  it('tells that nothing is left from that nobody could look, while somebody watches', async () => {
    const { page } = operator
    await open(page, `identities/${await idOf('gil')}`, 'Gil Ito')
    const looks = page.getByRole('region', { name: 'Last looks' })
    await page.getByText('Live', { exact: true }).waitFor()
    await ran('grants', 'run', 'api', '--identity', 'gil')
    await looks.locator('.badge.closed', { hasText: 'Nothing left' }).waitFor()
    await looks.getByText('No canary').waitFor()
    await inspect(page, 'last-looks')
    mayList = false
    await ran('grants', 'run', 'api', '--identity', 'gil')
    await looks.locator('.badge.doubt', { hasText: 'Could not look' }).waitFor()
    await looks.getByText('Not read: api tokens').waitFor()
    expect(await looks.getByText('Nothing left').count()).toBe(0)
    await picture(page, 'last-looks-inconclusive')
    await looks.getByRole('link', { name: 'api', exact: true }).click()
    const inventory = page.getByRole('region', { name: 'Inventory' })
    await inventory.getByText('1 looked at, 0 to the end').waitFor()
    await inventory.locator('.badge.doubt', { hasText: 'Not all read' }).waitFor()
    await inventory.getByText('none: a list that has gone blind').waitFor()
    await inspect(page, 'inventory')
    await open(page, `identities/${await idOf('hana')}`, 'Hana Ito')
    await looks.getByText('It is here: nobody looks what it has.').waitFor()
    expectNothingWrong(operator)
  })

  it('shows who knows a shared secret, what is kept ahead, and to whom it is handed over', async () => {
    const { page } = operator
    house.api.live.set('the-common-one', 'gil')
    const row = { identity: 'hana', system: 'api', label: 'root', secret: { token: 'the-common-one' }, holders: 'gil;finn' }
    house.write('shared.jsonl', `${JSON.stringify(row)}\n`)
    await ran('import', 'credentials', 'shared.jsonl')
    await open(page, `identities/${await idOf('hana')}`, 'Hana Ito')
    await page.getByRole('link', { name: 'root', exact: true }).click()
    await page.locator('.head .badge', { hasText: 'Registered ahead' }).waitFor()
    const holders = page.getByRole('region', { name: 'Who knows it' })
    await holders.getByText('To be changed').waitFor()
    await rowOf(page, 'Gil Ito').getByText('the value in use').waitFor()
    // What the leaver knows is tried, and only that.
    await rowOf(page, 'Gil Ito').locator('.badge.open').waitFor()
    await inspect(page, 'credential-shared')
    await ran('handover', 'gil', '--to', 'finn', '--by', new Date(Date.now() + 86_400_000).toISOString())
    await rowOf(page, 'Gil Ito').getByRole('link', { name: 'its credential' }).click()
    await page.getByRole('heading', { name: 'root at api', level: 1 }).waitFor()
    await page.locator('.head .badge', { hasText: 'Handed over' }).waitFor()
    const given = new URL(page.url()).hash.split('/').at(-1) ?? ''
    await page.getByRole('region', { name: 'Its life' }).getByRole('link', { name: 'Finn' }).waitFor()
    house.write('shared.jsonl', `${JSON.stringify({ ...row, secret: { token: 'the-new-one' } })}\n`)
    await ran('import', 'credentials', 'shared.jsonl')
    await page.locator('.head .badge', { hasText: 'Replaced' }).waitFor()
    await rowOf(page, 'Gil Ito').getByText('an old value').waitFor()
    await inspect(page, 'credential-handed-over')
    await open(page, `identities/${await idOf('gil')}`, 'Gil Ito')
    await page.getByRole('region', { name: 'Where it is let in' }).getByText('handed over').first().waitFor()
    await ran('credentials', 'retire', given)
    await page.getByRole('region', { name: 'Handovers' }).getByText('1 off the list without that proof').waitFor()
    expectNothingWrong(operator)
  })

  it('says so where it cannot be read, and reads it again', async () => {
    const { page } = operator
    await open(page, 'setup/receivers', 'Setup')
    const problem = { status: 503, contentType: 'application/problem+json', body: '{"detail":"The database is away."}' }
    await page.route('**/v1/sources?*', (route) => route.fulfill(problem))
    await page.getByRole('link', { name: 'Sources', exact: true }).click()
    const alert = page.getByRole('region', { name: 'Sources' }).getByRole('alert')
    await alert.getByText('The database is away.').waitFor()
    await page.unroute('**/v1/sources?*')
    await alert.getByRole('button', { name: 'Try again' }).click()
    await rowOf(page, 'okta').waitFor()
    await alert.waitFor({ state: 'detached' })
    // The console may tell of the refusal a moment later.
    await sleep(50)
    forgive(operator, / status of 503 /)
  })
})

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}

function rowsOf(names: readonly string[], left: string): string {
  return `external_id,name,terminated_at\n${names.map((name) => `${name},${capital(name)},${left}\n`).join('')}`
}
