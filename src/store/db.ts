import type { Kysely, Transaction } from 'kysely'
import type { Tables } from './tables.ts'

export type Db = Kysely<Tables>
/** A database or an open transaction: what every question of the store is asked of. */
export type Queryable = Db | Transaction<Tables>

export interface PostgresOptions {
  url: string
  poolSize: number
  /** Shown in pg_stat_activity. */
  applicationName: string
}
export interface EmbeddedOptions {
  /** The folder of PGlite's files; made when missing. One process at a time. */
  dataDir: string
  /** Makes a new database in a process of its own: what that takes (some 350 MB) is then not held for good by this one. */
  initApart?: boolean
}

/** What a queue needs to share the database: a pool of its own, or the one embedded connection. */
export type QueueConnection =
  | { kind: 'postgres'; url: string; applicationName: string }
  | { kind: 'embedded'; pglite: import('@electric-sql/pglite').PGlite }

export interface Store {
  readonly kind: 'postgres' | 'embedded'
  readonly db: Db
  readonly queueConnection: QueueConnection
  close(): Promise<void>
}
