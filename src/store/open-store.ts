import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Kysely, PGliteDialect, type PGliteDialectConfig, PostgresDialect, sql } from 'kysely'
import { errorCode, RevenantError, toError } from '../domain/error.ts'
import type { EmbeddedOptions, PostgresOptions, Store } from './db.ts'
import { lockFolder } from './folder-lock.ts'
import { migrate } from './migrate.ts'
import type { Tables } from './tables.ts'

/**
 * Opens the database and brings its schema up to date.
 * Throws `DATABASE_UNAVAILABLE`, `DATABASE_IN_USE` (the embedded folder belongs to a running process), `DATABASE_TOO_OLD`.
 */
export async function openStore(options: PostgresOptions | EmbeddedOptions): Promise<Store> {
  const store = 'url' in options ? await openPostgres(options) : await openEmbedded(options)
  try {
    await migrate(store.db)
  } catch (error) {
    await store.close()
    throw error
  }
  return store
}

const OLDEST_POSTGRES = 150000
/** One connection and small pages of memory: the defaults of a server would cost the daemon 130 MB more. */
const EMBEDDED_SETTINGS = ['shared_buffers = 16MB', 'max_connections = 10']
const TIMESTAMPTZ = 1184
const INT8 = 20

async function openPostgres(options: PostgresOptions): Promise<Store> {
  const { default: pg } = await import('pg')
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize,
    application_name: options.applicationName,
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    types: {
      getTypeParser: (oid, format) =>
        format === 'binary' ? pg.types.getTypeParser(oid, 'binary') : textParser(oid, pg.types.getTypeParser),
    },
    options: '-c timezone=UTC',
  })
  // An idle connection that dies is replaced at the next query; without a listener it would end the process.
  pool.on('error', () => {})
  // So would one that dies while a transaction holds it: the pool listens to idle connections only. Its query tells the caller.
  pool.on('connect', (client) => client.on('error', () => {}))
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  try {
    const { rows } = await sql<{ version: number }>`select current_setting('server_version_num')::int as version`.execute(db)
    const version = rows[0]?.version ?? 0
    if (version < OLDEST_POSTGRES) {
      throw new RevenantError('DATABASE_TOO_OLD', `Postgres 15 or newer is needed; this server says ${version}`)
    }
  } catch (error) {
    await db.destroy()
    if (error instanceof RevenantError) throw error
    throw new RevenantError(
      'DATABASE_UNAVAILABLE',
      `the database cannot be reached (${errorCode(error) ?? toError(error).name}): check database.url and that Postgres runs`,
    )
  }
  return {
    kind: 'postgres',
    db,
    queueConnection: { kind: 'postgres', url: options.url, applicationName: options.applicationName },
    close: () => db.destroy(),
  }
}

async function openEmbedded(options: EmbeddedOptions): Promise<Store> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 })
  const lock = await lockFolder(options.dataDir)
  try {
    const folder = join(options.dataDir, 'pg')
    if (!existsSync(join(folder, 'PG_VERSION'))) await makeFolder(options, folder)
    const { PGlite } = await import('@electric-sql/pglite')
    const pglite = await PGlite.create({ dataDir: folder, postgresqlconf: EMBEDDED_SETTINGS })
    await pglite.exec(`set timezone = 'UTC'`)
    const parsers = { [TIMESTAMPTZ]: parseInstant, [INT8]: Number }
    const db = new Kysely<Tables>({ dialect: new PGliteDialect({ pglite: withParsers(pglite, parsers) }) })
    return {
      kind: 'embedded',
      db,
      queueConnection: { kind: 'embedded', pglite },
      close: async () => {
        if (!pglite.closed) await pglite.close()
        await lock.release()
      },
    }
  } catch (error) {
    await lock.release()
    throw new RevenantError(
      'DATABASE_UNAVAILABLE',
      `the embedded database in ${options.dataDir} does not open: ${toError(error).message}`,
    )
  }
}

/** Makes the files of a new database beside their place and moves them there once they are whole: a crash leaves none or all. */
async function makeFolder(options: EmbeddedOptions, folder: string): Promise<void> {
  for (const name of await readdir(options.dataDir))
    if (name.startsWith(UNFINISHED)) await rm(join(options.dataDir, name), { recursive: true, force: true })
  const fresh = join(options.dataDir, `${UNFINISHED}${randomUUID()}`)
  if (options.initApart !== true || !(await initApart(fresh))) {
    await rm(fresh, { recursive: true, force: true })
    const { PGlite } = await import('@electric-sql/pglite')
    await (await PGlite.create({ dataDir: fresh })).close()
  }
  await rename(fresh, folder)
}

const UNFINISHED = 'pg.unfinished-'

/** False: it could not; the caller does it, or hears why not. */
async function initApart(folder: string): Promise<boolean> {
  const child = fork(new URL('./init-embedded.ts', import.meta.url), [folder], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const [code] = await once(child, 'exit')
  return code === 0
}

type Parsers = Record<number, (value: string) => unknown>
type PGlite = import('@electric-sql/pglite').PGlite
type KyselyPGlite = Exclude<PGliteDialectConfig['pglite'], (...args: never[]) => unknown>

/** Kysely's view of the one embedded connection. The queues share it and expect Dates, so the parsers go with each query. */
function withParsers(pglite: PGlite, parsers: Parsers): KyselyPGlite {
  return {
    close: () => pglite.close(),
    get closed() {
      return pglite.closed
    },
    get ready() {
      return pglite.ready
    },
    waitReady: pglite.waitReady,
    query: (text, params) => pglite.query(text, params, { parsers }),
    transaction: (callback) =>
      pglite.transaction((tx) =>
        callback({ query: (text, params) => tx.query(text, params, { parsers }), rollback: () => tx.rollback() }),
      ),
  }
}

function textParser(oid: number, fallback: (oid: number, format: 'text') => (value: string) => unknown) {
  if (oid === TIMESTAMPTZ) return parseInstant
  if (oid === INT8) return Number
  return fallback(oid, 'text')
}

/** Postgres prints `2026-11-22 08:15:34.123+00`, which Temporal reads as it is. */
function parseInstant(text: string): Temporal.Instant {
  return Temporal.Instant.from(text)
}
