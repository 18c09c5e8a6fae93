import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import { stringify } from 'yaml'
import { z } from 'zod'
import type { ApiDeps } from '../../../src/api/deps.ts'
import type { Route } from '../../../src/api/route.ts'
import { serveRoutes } from '../../../src/api/serve.ts'
import { openThrottle } from '../../../src/api/throttle.ts'
import { runCommand } from '../../../src/commands/program.ts'
import { parseConfig } from '../../../src/config/load.ts'
import { openActions } from '../../../src/daemon/actions.ts'
import { CONFIG_CHECKS } from '../../../src/daemon/checks.ts'
import { openRuntime, type Runtime } from '../../../src/daemon/runtime.ts'
import { type Actor, ROLES } from '../../../src/domain/access.ts'
import { startTelemetry } from '../../../src/telemetry/start.ts'
import { furnish } from '../../servers/furnish.ts'
import { startTokenApi, type TokenApi } from '../../servers/token-api.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../../servers/webhook-receiver.ts'

export interface Answered {
  status: number
  body: Record<string, unknown>
  headers: Record<string, unknown>
  raw: Buffer
}

export interface ActionHouse {
  runtime: Runtime
  deps: ApiDeps
  app: FastifyInstance
  api: TokenApi
  hook: WebhookReceiver
  /** Asks as an admin called `anna`, unless another role is given. */
  post(path: string, body?: unknown, role?: Actor['role'], headers?: Record<string, string>): Promise<Answered>
  upload(path: string, type: string, content: string | Buffer): Promise<Answered>
  get(path: string, role?: Actor['role']): Promise<Answered>
  /** Runs a command inside this runtime, as the daemon does for other processes. */
  cli(words: readonly string[], stdin?: string): Promise<{ exit: number; out: string; err: string }>
  /** The rows of the audit under an action, the newest last, each of which must wait for the ledger. */
  audited(action: string): Promise<{ actor: string; subject: string; detail: unknown }[]>
  stop(): Promise<void>
}

const role = z.enum(ROLES)
const CANARY = 'REVENANT_TEST_CANARY_MARKED'

/** The real runtime on an embedded database, with one HTTP API and one receiver, and these routes over it. @param alerts more receivers */
export async function openActionHouse(routes: readonly Route[], alerts: readonly object[] = []): Promise<ActionHouse> {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-actions-'))
  const api = await startTokenApi()
  const hook = await startWebhookReceiver()
  process.env[CANARY] = 'canary'
  const config = await parseConfig(stringify(fileOf(folder, api, hook, alerts)), 'revenant.yaml', CONFIG_CHECKS)
  const telemetry = await startTelemetry({ version: '0', instance: 'test', logLevel: 'error', env: {}, logTo: 'stderr' })
  const runtime = await openRuntime(config, telemetry)
  const actions = await openActions(runtime)
  const deps: ApiDeps = {
    db: runtime.store.db,
    config: () => runtime.config,
    version: '0',
    instance: 'test',
    jobs: runtime.jobs,
    custody: runtime.custody,
    raise: runtime.raise,
    onOwnership: runtime.onOwnership,
    now: runtime.now,
    logger: telemetry.logger,
    actions,
    access: { throttle: openThrottle(), tokens: openThrottle(), oidc: () => undefined },
  }
  const app = fastify()
  serveRoutes(app, {
    routes,
    deps,
    // Tests ask for more than anybody may.
    rate: () => ({ ok: true, remaining: 1, resetS: 0 }),
    authenticate: async ({ headers }) => {
      const given = role.safeParse(headers['x-role'])
      return given.success ? { name: 'anna', role: given.data, via: 'session' } : undefined
    },
  })
  const ask = async (options: InjectOptions, as: Actor['role'] = 'admin'): Promise<Answered> => {
    const answer = await app.inject({ ...options, headers: { ...options.headers, 'x-role': as } })
    const isJson = String(answer.headers['content-type']).includes('json')
    return {
      status: answer.statusCode,
      body: isJson ? z.record(z.string(), z.unknown()).parse(answer.json()) : {},
      headers: answer.headers,
      raw: answer.rawPayload,
    }
  }
  return {
    ...{ runtime, deps, app, api, hook },
    post: (path, body, as, headers = {}) => {
      const payload = body === undefined ? {} : { payload: JSON.stringify(body) }
      return ask({ method: 'POST', url: path, ...payload, headers: { ...(body === undefined ? {} : JSON_TYPE), ...headers } }, as)
    },
    upload: (path, type, content) => ask({ method: 'POST', url: path, payload: content, headers: { 'content-type': type } }),
    get: (path, as) => ask({ method: 'GET', url: path }, as),
    cli: async (words, stdin = '') => {
      const said = { out: '', err: '' }
      const exit = await runCommand({
        argv: words,
        configPath: 'revenant.yaml',
        runtime,
        io: {
          out: (text) => {
            said.out += text
          },
          err: (text) => {
            said.err += text
          },
          stdin: () => Readable.from([Buffer.from(stdin)]),
          columns: 120,
          isTTY: false,
          colour: false,
          cwd: folder,
          signal: new AbortController().signal,
        },
      })
      return { exit, ...said }
    },
    audited: async (action) => {
      const rows = await runtime.store.db.selectFrom('audit').selectAll().where('action', '=', action).orderBy('id').execute()
      const refs = (await runtime.store.db.selectFrom('ledger_outbox').select('refs').execute()).flatMap((row) => row.refs)
      const logged = (await runtime.store.db.selectFrom('ledger_entry').select('ref').execute()).map((row) => row.ref)
      const missing = rows.filter(({ id }) => !refs.includes(id) && !logged.includes(id))
      if (missing.length > 0) throw new Error(`${action}: not handed to the ledger`)
      return rows.map(({ actor, subject, detail }) => ({ actor, subject, detail }))
    },
    stop: async () => {
      actions.live.close()
      await app.close()
      await runtime.close()
      await telemetry.shutdown()
      await api.stop()
      await hook.close()
      delete process.env[CANARY]
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }

function fileOf(folder: string, api: TokenApi, hook: WebhookReceiver, alerts: readonly object[]) {
  return {
    database: { dataDir: furnish(folder) },
    listen: '127.0.0.1:0',
    keyRing: join(folder, 'keyring.json'),
    policy: { confirmRejections: 1 },
    systems: [
      {
        name: 'api',
        probe: 'http',
        target: {
          url: `${api.origin}/me?key=MARKED-query`,
          tls: 'disable',
          credential: 'bearer',
          accept: [{ when: { status: 200, json: { '/login': { type: 'string' } } } }],
          principal: '/login',
        },
        controls: { canary: { token: `env:${CANARY}` } },
        limits: { rate: '500/s' },
      },
      {
        name: 'wiki',
        probe: 'http',
        target: {
          url: `${api.origin}/wiki`,
          tls: 'disable',
          credential: 'bearer',
          accept: [{ when: { status: 200, json: { '/login': { type: 'string' } } } }],
        },
      },
    ],
    alerts: [{ name: 'hook', sink: 'webhook', to: `${hook.url}/MARKED-path` }, ...alerts],
  }
}
