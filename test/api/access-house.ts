import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { makeApiToken } from '../../src/api/access/api-token.ts'
import { openAuthenticate } from '../../src/api/access/authenticate.ts'
import { openAccess } from '../../src/api/access/open-access.ts'
import { makeSignInLink } from '../../src/api/access/sign-in-link.ts'
import type { ApiDeps } from '../../src/api/deps.ts'
import { addEvidenceRoutes } from '../../src/api/evidence.ts'
import type { AuditorTokens } from '../../src/api/evidence-tokens.ts'
import type { Route } from '../../src/api/route.ts'
import { ROUTES } from '../../src/api/routes.ts'
import { type ServeOptions, serveRoutes } from '../../src/api/serve.ts'
import { openServer, type Server, type ServerOptions } from '../../src/api/server.ts'
import type { AccessConfig, Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/load.ts'
import { openActions } from '../../src/daemon/actions.ts'
import { CONFIG_CHECKS } from '../../src/daemon/checks.ts'
import { reportDeps } from '../../src/daemon/report-deps.ts'
import { openRuntime, type Runtime } from '../../src/daemon/runtime.ts'
import type { Role } from '../../src/domain/access.ts'
import { startTelemetry } from '../../src/telemetry/start.ts'
import { furnish } from '../servers/furnish.ts'

/** A cookie jar of one browser, and what it knows of its session. */
export interface Browser {
  cookies: Map<string, string>
  csrf: string | undefined
  ask(path: string, init?: RequestInit): Promise<Response>
}

/** The whole API on an embedded database, with a real server. */
export interface AccessHouse {
  server: Server
  runtime: Runtime
  deps: ApiDeps
  config: Config
  /** The clock of the API: to be moved. */
  clock: { now: Temporal.Instant }
  logged(): string
  /** Puts other access settings in force. */
  configure(access: Partial<AccessConfig>, more?: Partial<Config>): void
  token(role: Role, of?: { name?: string; owner?: string; days?: number }): Promise<string>
  /** Asks as a program. */
  ask(path: string, init?: RequestInit): Promise<Response>
  /** A browser, signed in by a link where it has a role. */
  browser(role?: Role, email?: string): Promise<Browser>
  stop(): Promise<void>
}

interface HouseOptions {
  /** As the file has it. */
  config?: Readonly<Record<string, unknown>>
  /** Left out: all there are. */
  routes?: readonly Route[]
  rate?: ServeOptions['rate']
  /** Those of auditors: with them, what is under /v1/evidence/ is served too. */
  auditors?: AuditorTokens
}

/** Nobody asks for too much. */
export const NO_RATE: NonNullable<ServeOptions['rate']> = () => ({ ok: true, remaining: 1, resetS: 0 })

let tokens = 0

export async function openAccessHouse(options: Partial<ServerOptions> & HouseOptions = {}): Promise<AccessHouse> {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-access-'))
  const { config: written = {}, routes = ROUTES, rate, auditors, ...server } = options
  const counted = rate === undefined ? {} : { rate }
  const own = { database: { dataDir: furnish(folder) }, keyRing: join(folder, 'keys.json'), listen: '127.0.0.1:0' }
  const text = JSON.stringify({ ...own, ...written })
  let config = await parseConfig(text, 'test', CONFIG_CHECKS)
  let said = ''
  const telemetry = await startTelemetry({ version: '0', instance: 'test', logLevel: 'silent', env: {} })
  const runtime = await openRuntime(config, telemetry)
  // As the database keeps it.
  const clock = { now: Temporal.Now.instant().round('millisecond') }
  const log = (fields: unknown, message?: unknown) => {
    said += `${JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.stack : value))} ${String(message)}\n`
  }
  const logger = { ...telemetry.logger, error: log, warn: log, info: log }
  const { store, jobs, custody, raise, onOwnership, instance } = runtime
  const actions = await openActions(runtime)
  const shared = {
    ...{ db: store.db, config: () => config, version: '0', instance, jobs, custody, raise, onOwnership },
    actions,
    logger,
  }
  const deps: ApiDeps = { ...shared, now: () => clock.now, access: openAccess(() => config) }
  const opened = await openServer({
    listen: { host: '127.0.0.1', port: 0 },
    logger,
    addPages: (app) => {
      serveRoutes(app, { routes, deps, authenticate: openAuthenticate(deps), ...counted })
      if (auditors === undefined) return
      const report = () => reportDeps(runtime)
      addEvidenceRoutes(app, { ...deps, tokens: () => auditors, report, ...counted })
    },
    ...server,
  })
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${opened.address}${path}`, { redirect: 'manual', ...init, headers: { connection: 'close', ...init.headers } })
  return {
    server: opened,
    runtime,
    deps,
    get config() {
      return config
    },
    clock,
    logged: () => said,
    configure: (changes, more = {}) => {
      config = { ...config, ...more, access: { ...config.access, ...changes } }
    },
    token: async (role, { name = `t${++tokens}`, owner = 'house', days = 90 } = {}) => {
      const of = { name, role, days, by: 'test', bearers: [], owner }
      return (await makeApiToken(store.db, of, [], clock.now)).token
    },
    ask,
    browser: async (role, email) => {
      const browser = openBrowser(ask)
      if (role === undefined) return browser
      const of = { role, by: 'test', ...(email === undefined ? {} : { email }) }
      const { url } = await makeSignInLink(store.db, of, opened.address, clock.now)
      await signIn(browser, url)
      return browser
    },
    stop: async () => {
      actions.live.close()
      await opened.close()
      await runtime.close()
      await telemetry.shutdown()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export function openBrowser(ask: AccessHouse['ask']): Browser {
  const cookies = new Map<string, string>()
  const browser: Browser = {
    cookies,
    csrf: undefined,
    ask: async (path, init = {}) => {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const known = browser.csrf === undefined ? {} : { 'x-csrf-token': browser.csrf }
      const headers = { 'sec-fetch-site': 'same-origin', ...(cookie === '' ? {} : { cookie }), ...known, ...init.headers }
      const answer = await ask(path, { ...init, headers })
      keep(answer, cookies)
      return answer
    },
  }
  return browser
}

export function keep(answer: Response, cookies: Map<string, string>): void {
  for (const line of answer.headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    if (/max-age=0\b/i.test(line)) cookies.delete(name)
    else cookies.set(name, value)
  }
}

/** Opens a one-time link as the page does. */
export async function signIn(browser: Browser, url: string): Promise<Response> {
  const code = /code=([^&]+)$/.exec(url)?.[1] ?? ''
  const answer = await browser.ask('/v1/session', json({ code }))
  if (answer.status === 201) browser.csrf = z.looseObject({ csrf: z.string() }).parse(await answer.clone().json()).csrf
  return answer
}

export function json(body: unknown, method = 'POST'): RequestInit {
  return { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

export function bearer(token: string, init: RequestInit = {}): RequestInit {
  return { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } }
}
