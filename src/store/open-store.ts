import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { Kysely, PGliteDialect, type PGliteDialectConfig, PostgresDialect, sql } from 'kysely'
import { errnoWords } from '../domain/errno.ts'
import { errorCode, RevenantError, toError } from '../domain/error.ts'
import type { EmbeddedOptions, PostgresOptions, Store } from './db.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'
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
const EMBEDDED_SETTINGS = ['shared_buffers = 4MB', 'wal_buffers = 256kB', 'max_connections = 5']
const TIMESTAMPTZ = 1184
const INT8 = 20

async function openPostgres(options: PostgresOptions): Promise<Store> {
  // pg takes anything for the name of a database.
  if (!/^(?:postgres|postgresql|socket):/.test(options.url))
    throw new RevenantError('CONFIG_INVALID', 'database.url must be postgres://user:password@host:5432/database')
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
    const code = errorCode(error) ?? toError(error).name
    const words = REFUSALS[code] ?? 'check host, port and sslmode of database.url, and that Postgres runs there'
    throw new RevenantError('DATABASE_UNAVAILABLE', `the database cannot be reached (${code}): ${words}`)
  }
  return {
    kind: 'postgres',
    db,
    queueConnection: { kind: 'postgres', url: options.url, applicationName: options.applicationName },
    close: () => db.destroy(),
  }
}

/** By SQLSTATE and by the codes of Node.js. No part of the URL is said: what looks like a host may be a piece of the password. */
const REFUSALS: Readonly<Record<string, string>> = {
  '28P01': 'the server refuses user or password of database.url',
  '28000': 'the server lets this user not in from here: check database.url and pg_hba.conf',
  '3D000': 'the server has no such database: create it, or mend the name in database.url',
  '53300': 'the server has no connection to spare: lower database.poolSize or raise max_connections',
  '57P03': 'the server is starting or stopping: try again',
  ECONNREFUSED: 'nothing listens at host and port of database.url: is Postgres running?',
  ENOTFOUND: 'the host of database.url has no address; characters such as @ / # in a password are written as %40 %2F %23',
  EAI_AGAIN: 'the name service does not answer for the host of database.url',
  ERR_INVALID_URL: 'database.url is postgres://user:password@host:5432/database; @ / # in a password are written as %40 %2F %23',
}

async function openEmbedded(options: EmbeddedOptions): Promise<Store> {
  const lock = await claim(options.dataDir)
  try {
    const folder = join(options.dataDir, 'pg')
    await dropUnfinished(options.dataDir)
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
      `the embedded database in ${options.dataDir} does not open: ${errnoWords(error) ?? (error instanceof Error ? error.message : 'it stopped')}${await roomHint(options.dataDir)}`,
    )
  }
}

async function claim(folder: string): Promise<FolderLock> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return await lockFolder(folder)
  } catch (error) {
    const words = errnoWords(error)
    if (error instanceof RevenantError || words === undefined) throw error
    throw new RevenantError('DATABASE_UNAVAILABLE', `the data folder ${folder} cannot be used: ${words}`)
  }
}

/** PGlite dies of a full disk without saying so. A new database takes some 45 MB, and an old one writes 16 MB at a time. */
async function roomHint(folder: string): Promise<string> {
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: Number.POSITIVE_INFINITY, bsize: 1 }))
  const freeMB = Math.floor((bavail * bsize) / 1e6)
  return freeMB < ROOM_MB ? `. The disk has ${freeMB} MB left: make room, ${ROOM_MB} MB at least` : ''
}

const ROOM_MB = 64

/** Makes the files of a new database beside their place and moves them there once they are whole: a crash leaves none or all. */
async function makeFolder(options: EmbeddedOptions, folder: string): Promise<void> {
  const fresh = join(options.dataDir, `${UNFINISHED}${randomUUID()}`)
  if (options.initApart !== true || !(await initApart(fresh))) {
    await rm(fresh, { recursive: true, force: true })
    const { PGlite } = await import('@electric-sql/pglite')
    await (await PGlite.create({ dataDir: fresh })).close()
  }
  await rename(fresh, folder)
}

const UNFINISHED = 'pg.unfinished-'

/** What a start that was killed left behind. */
async function dropUnfinished(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir))
    if (name.startsWith(UNFINISHED)) await rm(join(dataDir, name), { recursive: true, force: true, maxRetries: 3 })
}

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
