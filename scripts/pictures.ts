// Makes the pictures of docs/dashboard.md from the demo's lab: `node scripts/pictures.ts`. Needs /usr/bin/chromium and a built page.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openBrowser, signInLink } from '../test/browser/browser.ts'
import { builtPage } from '../test/browser/built.ts'
import { openLabHouse } from '../test/browser/lab-house.ts'

const FOLDER = join(import.meta.dirname, '../docs/pictures')
const WIDE = { width: 1280, height: 860 }
const NARROW = { width: 380, height: 820 }

/** Long enough for every door of the lab to have been tried, and proven twice where it is shut. */
const SETTLED_MS = 25_000

await builtPage()
mkdirSync(FOLDER, { recursive: true })
const world = await openLabHouse()
const browser = await openBrowser(world.daemon.address)
try {
  const { page } = await browser.visitor()
  await page.goto(await signInLink(world.house, 'admin'))
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  await page.waitForTimeout(SETTLED_MS)
  const idOf = async (path: string): Promise<string> => {
    const { items }: { items: { id: string }[] } = await (await page.request.get(path)).json()
    return items[0]?.id ?? ''
  }
  const shot = async (name: string, hash: string, theme: 'light' | 'dark', viewport = WIDE) => {
    await page.setViewportSize(viewport)
    await page.emulateMedia({ colorScheme: theme })
    await page.goto(`/#/${hash}`)
    await page.reload()
    await page.getByText('Live', { exact: true }).waitFor({ state: 'attached' })
    await page.waitForFunction(() => document.querySelector('main h1') !== null && document.querySelector('.ghosts') === null)
    await page.waitForTimeout(300)
    await page.screenshot({ path: join(FOLDER, `${name}.png`) })
  }
  await shot('overview', 'overview', 'light')
  await shot('overview-dark', 'overview', 'dark')
  await shot('findings', 'findings', 'light')
  await shot('finding', `findings/${await idOf('/v1/findings?kind=residual_access')}`, 'light')
  await shot('identity', `identities/${await idOf('/v1/identities?q=maya')}`, 'dark')
  await shot('evidence', 'evidence', 'light')
  await shot('phone', 'overview', 'light', NARROW)
} finally {
  await browser.close()
  await world.stop()
}
