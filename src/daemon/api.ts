import { readFile } from 'node:fs/promises'
import { pageUrl } from '../api/access/page-url.ts'
import { makeSignInLink, type SignInLink } from '../api/access/sign-in-link.ts'
import { readAuditorTokens } from '../api/evidence-tokens.ts'
import { addHealthPages } from '../api/health.ts'
import { addLedgerRoutes } from '../api/ledger.ts'
import { addPage } from '../api/page.ts'
import type { ReadinessCheck } from '../api/readiness.ts'
import { openServer, type Server, type TlsFiles } from '../api/server.ts'
import type { Config } from '../config/config.ts'
import { errnoWords } from '../domain/errno.ts'
import { errorCode, RevenantError } from '../domain/error.ts'
import { everUsed } from '../store/session.ts'
import type { Runtime } from './runtime.ts'

/** What is served at `listen`. */
export interface Served {
  readonly address: string
  /** Where people open the page; undefined where it is not served. */
  readonly page: string | undefined
  /** How somebody signs in who never did: on the first start. */
  readonly link: SignInLink | undefined
  /** Reads what another configuration points to. Throws where that cannot be read; what it answers puts it in force. */
  prepare(config: Config): Promise<() => void>
  close(): Promise<void>
}

/** Opens the port and serves the API, the page, health, metrics, the log and evidence, as far as the configuration says. */
export async function serveApi(runtime: Runtime, alive: () => boolean): Promise<Served> {
  const { config } = runtime
  const { logger } = runtime.telemetry
  const { serve, proxy, tls } = config.access
  const auditors = { tokens: await readAuditorTokens(config.evidence.auditorTokens, runtime.secrets.read) }
  let endStreams = () => {}
  const files = tls === undefined ? {} : { tls: await readTls(tls) }
  const server = await openServer({
    listen: config.listen,
    ...files,
    ...(proxy === undefined ? {} : { trust: proxy.trust }),
    names: config.publicUrl === undefined ? [] : [new URL(config.publicUrl).hostname],
    addPages: (app) => {
      addHealthPages(app, { alive, checks: checksOf(runtime), metrics: () => runtime.telemetry.metricsText(), logger })
      if (config.ledger.publish) addLedgerRoutes(app, runtime.store.db)
      if (serve) addPage(app)
    },
    addApi: async (app) => {
      const { addApi } = await import('./api-later.ts')
      endStreams = await addApi(app, runtime, { tokens: () => auditors.tokens, serve })
    },
    logger,
  })
  warnOfExposure(server, config, runtime)
  const page = !serve ? undefined : pageUrl(config, server.address)
  return {
    address: server.address,
    page,
    link: page === undefined ? undefined : await firstLink(runtime, page),
    prepare: async (next) => {
      const secrets = runtime.secrets.prepare(next)
      const tokens = await readAuditorTokens(next.evidence.auditorTokens, secrets.read).finally(secrets.drop)
      const renewed = next.access.tls === undefined || tls === undefined ? undefined : await readTls(next.access.tls)
      return () => {
        auditors.tokens = tokens
        if (renewed !== undefined) server.renew(renewed)
      }
    },
    close: async () => {
      endStreams()
      await server.close()
    },
  }
}

function checksOf({ store, custody, jobs, config }: Runtime): ReadinessCheck[] {
  const ok = { ok: true, detail: 'ok' }
  return [
    {
      name: 'database',
      check: async () => {
        await store.db.selectFrom('pause').select('scope').limit(1).execute()
        return ok
      },
    },
    {
      name: 'keys',
      check: async () => {
        await custody.describe()
        return ok
      },
    },
    {
      name: 'queues',
      check: async () => {
        await jobs.pendingTrials(config.zones[0] ?? 'default')
        return ok
      },
    },
  ]
}

/** Throws `CONFIG_INVALID` for files that cannot be read. */
async function readTls(tls: NonNullable<Config['access']['tls']>): Promise<TlsFiles> {
  const read = async (key: 'cert' | 'key') =>
    readFile(tls[key], 'utf8').catch((error: unknown) => {
      throw new RevenantError(
        'CONFIG_INVALID',
        `access.tls.${key}: ${tls[key]} cannot be read (${errnoWords(error) ?? errorCode(error) ?? 'unknown error'})`,
      )
    })
  return { cert: await read('cert'), key: await read('key') }
}

/** Health, metrics and the log know no password. */
function warnOfExposure(server: Server, { access }: Config, { telemetry: { logger } }: Runtime): void {
  if (!server.exposed) return
  logger.warn({ address: server.address }, 'health and metrics can be read from other machines, without a password')
  if (!access.serve || access.tls !== undefined) return
  logger.info({ trust: access.proxy?.trust }, 'plain HTTP beyond this machine: keep all but the declared proxies from this port')
}

/** A link for whoever starts Revenant for the first time; with a provider nobody needs one. */
async function firstLink({ config, store, now, instance }: Runtime, page: string): Promise<SignInLink | undefined> {
  if (config.access.oidc !== undefined || (await everUsed(store.db))) return undefined
  return makeSignInLink(store.db, { role: 'admin', by: `daemon ${instance}` }, page, now())
}
