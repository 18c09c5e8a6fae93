import { createWriteStream, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packZip } from '../../src/evidence/bundle/zip.ts'
import { newSigner } from '../../src/evidence/note-signer.ts'
import { openBundle } from '../../src/evidence/verify/open-bundle.ts'
import { importTokens, openTokenHouse, type TokenHouse } from '../commands/house.ts'
import { expectNothingWrong, hasBrowser, openBrowser, picture, type TestBrowser, type Visitor, violations } from './browser.ts'
import { builtPage } from './built.ts'

const WORKER = /\/assets\/worker-[^/]+\.js$/

describe.skipIf(!hasBrowser)('a bundle in the browser (chromium)', { timeout: 120_000 }, () => {
  let house: TokenHouse
  let browser: TestBrowser
  let auditor: Visitor
  let page: Page
  let bundle: string
  let folder: string
  let vkey: string
  /** Whatever the page and its workers ask for, and what they send with it. */
  const asked: { method: string; address: string; bytes: number }[] = []

  beforeAll(async () => {
    await builtPage()
    house = await openTokenHouse()
    house.api.live.set('token-of-anna', 'anna')
    const daemon = await house.daemon()
    await importTokens(house, { anna: 'token-of-anna', bert: 'token-of-bert' })
    browser = await openBrowser(daemon.address)
    auditor = await browser.signedIn(house, 'auditor')
    page = auditor.page
    auditor.context.on('request', (request) => {
      asked.push({ method: request.method(), address: request.url(), bytes: request.postDataBuffer()?.length ?? 0 })
    })
    await page.goto('/#/evidence')
    await page.getByRole('heading', { name: 'Evidence', level: 1 }).waitFor()
    await page.getByText('Newest checkpoint').waitFor()
    bundle = house.path('bundle.zip')
    folder = house.path('unpacked')
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export' }).click()])
    await download.saveAs(bundle)
    await unpack(bundle, folder)
    vkey = readFileSync(join(folder, 'keys.txt'), 'utf8').trim()
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await house?.stop()
  })

  const verify = async (path: string, { key = '', checkpoint }: { key?: string; checkpoint?: string } = {}) => {
    await page.getByLabel('Bundle, a ZIP').setInputFiles(path)
    await page.getByLabel('The key of the log').fill(key)
    if (checkpoint !== undefined) {
      await page.getByText('Against an older checkpoint').click()
      await page.getByLabel('A signed checkpoint that you hold').fill(checkpoint)
    }
    await page.getByRole('button', { name: 'Verify', exact: true }).click()
    await page.locator('[data-verified], .problem[role="alert"]').first().waitFor()
  }
  const verdict = async () => {
    const told = page.locator('[data-verified]')
    return { said: await told.getAttribute('data-verified'), keys: await told.getAttribute('data-keys') }
  }

  it('is verified by its own key, which proves nothing of who made it, and by none of the daemon’s', async () => {
    expect(asked.filter(({ address }) => WORKER.test(address))).toEqual([])
    asked.length = 0
    await verify(bundle)
    expect(await verdict()).toEqual({ said: 'holds', keys: 'own' })
    await page.getByText('It fits together').waitFor()
    await page.getByText('Who made it is not proven.').waitFor()
    expect(await page.getByText('It holds', { exact: true }).count()).toBe(0)
    expect(await violations(page)).toEqual([])
    await picture(page, 'evidence-own-key')
  })

  it('holds by the key that was told elsewhere, and goes on from an older checkpoint', async () => {
    await verify(bundle, { key: `  ${vkey}\n`, checkpoint: readFileSync(join(folder, 'log/checkpoint'), 'utf8') })
    expect(await verdict()).toEqual({ said: 'holds', keys: 'given' })
    await page.getByText('Signed with the key that you gave.').waitFor()
    const checks = await page.locator('[data-verified] li').allInnerTexts()
    expect(checks.map((text) => text.split('\n').join(' '))).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Holds signature/),
        expect.stringMatching(/^Holds consistency the log continues/),
      ]),
    )
    await page.getByLabel('A signed checkpoint that you hold').fill('')
    expect(await violations(page)).toEqual([])
    await picture(page, 'evidence-verified')
  })

  it('is false by the key of somebody else', async () => {
    await verify(bundle, { key: newSigner('somebody.example/log').signer.vkey })
    expect(await verdict()).toEqual({ said: 'false', keys: 'given' })
    await page.getByText('no known key signed it', { exact: false }).first().waitFor()
    await page.getByText('The key that you gave did not sign it.').waitFor()
  })

  it('is false where one byte was changed: file and byte are named, in the words of the command', async () => {
    const file = 'entries/observation.jsonl'
    const bytes = readFileSync(join(folder, file))
    const at = bytes.indexOf('"verdict":"accepted"') + '"verdict":"'.length
    expect(at).toBeGreaterThan(20)
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
    const changed = house.path('changed')
    mkdirSync(changed)
    await unpack(bundle, changed)
    writeFileSync(join(changed, file), bytes)
    const path = house.path('changed.zip')
    await packZip(changed, filesOf(changed), path, Temporal.Now.instant())
    await verify(path, { key: vkey })
    expect(await verdict()).toEqual({ said: 'false', keys: 'given' })
    const [first = ''] = await page.getByText('First false byte:').allInnerTexts()
    expect(first).toContain(`${file}, byte ${at} `)
    const command = await house.run(['verify', path, '--vkey', vkey])
    expect(command.exit).toBe(3)
    expect(command.stdout).toContain(first)
    const told = (await page.locator('[data-verified] li li').allInnerTexts()).map((text) => text.trim())
    expect(told.length).toBeGreaterThan(1)
    for (const each of told) expect(command.stdout).toContain(each)
    await picture(page, 'evidence-false')
  })

  it('is none where it is no ZIP, and a key that is none is named', async () => {
    const path = house.path('none.zip')
    writeFileSync(path, 'no zip at all, and long enough to be looked at')
    await verify(path)
    await page.getByRole('alert').getByText('this bundle cannot be used').waitFor()
    await verify(bundle, { key: 'no-key' })
    await page.getByRole('alert').getByText('this is no verifier key').waitFor()
    expect(await page.locator('[data-verified]').count()).toBe(0)
  })

  it('never leaves the page, nor can it', async () => {
    const workers = asked.filter(({ address }) => WORKER.test(address))
    expect(workers.length).toBeGreaterThan(0)
    // What the page reads again by itself is read: nothing was sent since the export.
    expect(asked.filter(({ method, bytes }) => method !== 'GET' || bytes > 0)).toEqual([])
    expect(asked.filter(({ address }) => /evidence\/verify/.test(address))).toEqual([])
    const address = workers[0]?.address ?? ''
    const answer = await page.request.get(address)
    expect(answer.headers()['content-security-policy']).toContain("default-src 'none'")
    expectNothingWrong(auditor)
  })
})

async function unpack(path: string, folder: string): Promise<void> {
  const source = await openBundle(path)
  for (const name of source.files.keys()) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    await pipeline(await source.open(name), createWriteStream(join(folder, name)))
  }
  await source.close()
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .toSorted()
}
