import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { expect } from 'vitest'
import type { Role } from '../../src/domain/access.ts'
import { documents } from '../commands/house.ts'
import { needs } from '../servers/require.ts'
import type { House } from '../servers/revenant.ts'

const CHROMIUM = '/usr/bin/chromium'

/** Whether the browser is installed; see test/servers/require.ts. */
export const hasBrowser = needs('chromium', CHROMIUM)

/** As root, without a graphics card, and without asking anybody anything. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export interface Visitor {
  page: Page
  context: BrowserContext
  /** What went wrong in the page: errors of its code, of the console, of its policy. Must stay empty. */
  wrongs: string[]
}

export interface TestBrowser {
  /** Somebody with a profile of his own. */
  visitor(): Promise<Visitor>
  /** Somebody who signed in by a one-time link. */
  signedIn(house: House, role: Role): Promise<Visitor>
  /** For `afterEach`: asserts that nothing went wrong for anybody who was here, and sends all away but those who stay. */
  settle(...staying: readonly (Visitor | undefined)[]): Promise<void>
  close(): Promise<void>
}

export async function openBrowser(base: string): Promise<TestBrowser> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS })
  const here = new Set<Visitor>()
  const visitor = async () => {
    const context = await browser.newContext({
      ...{ baseURL: base, viewport: { width: 1280, height: 900 }, locale: 'en-GB', timezoneId: 'Europe/Berlin' },
      ...{ colorScheme: 'light', reducedMotion: 'reduce', acceptDownloads: true },
    })
    context.setDefaultTimeout(20_000)
    const wrongs: string[] = []
    context.on('page', (page) => watch(page, wrongs))
    const made = { page: await context.newPage(), context, wrongs }
    here.add(made)
    return made
  }
  return {
    visitor,
    signedIn: async (house, role) => {
      const made = await visitor()
      await made.page.goto(await signInLink(house, role))
      await made.page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
      return made
    },
    settle: async (...staying) => {
      const wrongs = [...here].flatMap((each) => each.wrongs.splice(0))
      for (const each of here) {
        if (staying.includes(each)) continue
        here.delete(each)
        await each.context.close()
      }
      expect(wrongs).toEqual([])
    },
    close: () => browser.close(),
  }
}

/** As an administrator of the machine gets one. */
export async function signInLink(house: House, role: Role): Promise<string> {
  const ran = await house.run(['access', 'link', '--role', role, '--json'])
  const [link] = documents(ran)
  if (typeof link?.url !== 'string') throw new Error(`no link: ${ran.stdout}${ran.stderr}`)
  return link.url
}

/** The one error that belongs to a visit: whoever is not signed in is told so. */
const NOT_SIGNED_IN = /\/v1\/session$/

function watch(page: Page, wrongs: string[]): void {
  page.on('pageerror', (error) => wrongs.push(`${error.name}: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() !== 'error' || NOT_SIGNED_IN.test(message.location().url)) return
    wrongs.push(`${message.text()} ${message.location().url}`)
  })
  page.on('request', (request) => {
    if (new URL(request.url()).hostname !== '127.0.0.1') wrongs.push(`asked somebody else: ${request.url()}`)
  })
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds against WCAG 2.2 AA, one line each. */
export async function violations(page: Page): Promise<string[]> {
  // Evaluated by the debugger: the page's own policy would not let it in.
  await page.evaluate(AXE)
  return page.evaluate(
    async (tags): Promise<string[]> => {
      interface Axe {
        run(
          of: Document,
          options: object,
        ): Promise<{ violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] }>
      }
      const axe: Axe = Reflect.get(globalThis, 'axe')
      const found = await axe.run(document, { runOnly: { type: 'tag', values: tags } })
      return found.violations.flatMap(({ id, nodes }) =>
        nodes.slice(0, 3).map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary ?? ''}`),
      )
    },
    ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  )
}

/** Pixels by which the page is wider than the window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() => Math.max(0, document.documentElement.scrollWidth - innerWidth))
}

/** Kept where REVENANT_SCREENSHOTS says; without it none is made. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.REVENANT_SCREENSHOTS
  if (folder === undefined || folder === '') return
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}

export function expectNothingWrong({ wrongs }: Visitor): void {
  expect(wrongs).toEqual([])
}

/** Takes away what belongs to what was done: a refusal that was sought. Whatever else went wrong stays. */
export function forgive({ wrongs }: Visitor, sought: RegExp): void {
  wrongs.splice(0, wrongs.length, ...wrongs.filter((wrong) => !sought.test(wrong)))
}
