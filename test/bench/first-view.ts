/**
 * How long it takes until the page says what somebody came for: `node test/bench/first-view.ts [--credentials N] [--observations N]
 * [--rounds N] [--rests N] [--detail]`. Fills a Postgres 18 of its own, starts the real daemon on it with nothing due, and opens views in Chromium, signed in, with
 * an empty cache. Prints the median and the 95th percentile from the navigation until it is painted: of the Overview the one number, of the
 * lists their first row. `after a rest`: once the daemon has forgotten what it had counted. `--detail`: what came when, in milliseconds.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import type { BrowserContext } from 'playwright-core'
import { openStore } from '../../src/store/open-store.ts'
import { openBrowser, signInLink } from '../browser/browser.ts'
import { builtPage } from '../browser/built.ts'
import { startPostgres } from '../servers/postgres.ts'
import { openHouse } from '../servers/revenant.ts'
import { fill, SYSTEMS } from './fill.ts'

const { values } = parseArgs({
  options: {
    credentials: { type: 'string', default: '100000' },
    observations: { type: 'string', default: '5000000' },
    rounds: { type: 'string', default: '20' },
    rests: { type: 'string', default: '3' },
    detail: { type: 'boolean', default: false },
  },
})
const numbers = [values.credentials, values.observations, values.rounds, values.rests].map(Number)
const [credentials = 0, observations = 0, rounds = 0, rests = 0] = numbers
const say = (text: string) => process.stdout.write(`${text}\n`)

/** What has to be painted. */
const VIEWS = { overview: '.doors .figure', findings: 'main tbody tr', identities: 'main tbody tr' } as const
type View = keyof typeof VIEWS
/** What the daemon counts for all who ask is kept for half a minute, longer where counting took long. */
const REST_MS = 40_000

await builtPage()
const house = openHouse()
const server = await startPostgres({ settings: { shared_buffers: '512MB', max_wal_size: '8GB' } })
const store = await openStore({ url: server.url(), poolSize: 10, applicationName: 'bench' })
try {
  await fill(store.db, { credentials, observations, ledger: false }, say)
  await sql`update check_state set due_at = due_at + interval '1 day' where due_at is not null`.execute(store.db)
  house.write('database-url', server.url())
  house.configure({
    database: { url: `file:${house.path('database-url')}` },
    scan: { tick: '10s' },
    systems: Array.from({ length: SYSTEMS }, (_, at) => {
      return { name: `system-${at + 1}`, probe: 'github', target: { baseUrl: `https://s${at + 1}` } }
    }),
  })
  const daemon = await house.daemon()
  const browser = await openBrowser(daemon.address)
  try {
    const { page, context } = await browser.visitor()
    // The command does not know the port that the daemon was given.
    await page.goto(`/${new URL(await signInLink(house, 'admin')).hash}`)
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    await page.close()
    await measure(context)
  } finally {
    await browser.close()
    await daemon.stop()
  }
} finally {
  await store.close()
  await server.stop()
  await house.stop()
}

async function measure(context: BrowserContext): Promise<void> {
  for (const view of ['overview', 'findings', 'identities'] as const) {
    const times: number[] = []
    for (let round = 0; round < rounds; round++) times.push(await painted(context, view))
    tell(view, times)
  }
  const times: number[] = []
  for (let round = 0; round < rests; round++) {
    await sleep(REST_MS)
    times.push(await painted(context, 'overview'))
  }
  tell('overview after a rest', times)
}

function tell(name: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(0)
  say(`${name}: median ${at(0.5)} ms, p95 ${at(0.95)} ms, most ${sorted.at(-1)?.toFixed(0)} ms, of ${sorted.length}`)
}

/** Milliseconds from the navigation until it is on the screen, by the page's own clock. */
async function painted(context: BrowserContext, view: View): Promise<number> {
  const page = await context.newPage()
  try {
    const session = await context.newCDPSession(page)
    await session.send('Network.clearBrowserCache')
    await page.addInitScript((selector: string) => {
      const look = () => {
        if (document.querySelector(selector) === null) requestAnimationFrame(look)
        // What is there in one frame is on the screen in the next.
        else requestAnimationFrame(() => Reflect.set(globalThis, 'paintedAt', performance.now()))
      }
      requestAnimationFrame(look)
    }, VIEWS[view])
    await page.goto(`/#/${view}`, { waitUntil: 'commit' })
    const found = await page.waitForFunction(() => {
      const at: unknown = Reflect.get(globalThis, 'paintedAt')
      return typeof at === 'number' ? at : undefined
    })
    if (values.detail) say(await page.evaluate(whatCame))
    return (await found.jsonValue()) ?? 0
  } finally {
    await page.close()
  }
}

/** Runs in the page. */
function whatCame(): string {
  const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  const came = entries.flatMap((entry) =>
    entry instanceof PerformanceResourceTiming
      ? [
          `${new URL(entry.name).pathname} ${entry.startTime.toFixed(0)}-${entry.responseStart.toFixed(0)}-${entry.responseEnd.toFixed(0)}`,
        ]
      : [],
  )
  const paints = performance.getEntriesByType('paint').map(({ name, startTime }) => `${name} ${startTime.toFixed(0)}`)
  return `  ${[...came, ...paints, `number ${Number(Reflect.get(globalThis, 'paintedAt')).toFixed(0)}`].join('; ')}`
}
