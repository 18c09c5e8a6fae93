import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { Guard } from './guard.ts'
import { launchPostgres } from './postgres.ts'

/** A database server and what an administrator does with its roles. */
export interface Payroll {
  readonly port: number
  readonly startMs: number
  /** Makes a role that may log in, and gives its password. */
  addRole(role: string): Promise<string>
  /** `NOLOGIN`: the password stays, the role may not log in. */
  setLogin(role: string, allowed: boolean): Promise<void>
  /** Gives the role this password, or a new one that nobody knows. */
  setPassword(role: string, password?: string): Promise<void>
  /** Makes a dropped role again. */
  createRole(role: string, password: string): Promise<void>
  dropRole(role: string): Promise<void>
  stop(): Promise<void>
}

export const PAYROLL_DATABASE = 'payroll'

/** Starts a Postgres 18 with the database `payroll`. Throws `INTERNAL` where it cannot run on this machine. */
export async function startPayroll(folder: string, guard: Guard): Promise<Payroll> {
  const server = await launchPostgres({ folder, guard })
  const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', password: server.password })
  // The connection ends with the server; nobody waits for an answer then.
  client.on('error', () => {})
  const run = async (statement: string) => {
    await client.query(statement)
  }
  const stop = async () => {
    await client.end().catch(() => {})
    await server.stop()
  }
  try {
    await client.connect()
    await run(`create database ${PAYROLL_DATABASE}`)
  } catch (error) {
    await stop()
    throw error
  }
  const name = (role: string) => pg.escapeIdentifier(role)
  const createRole = (role: string, password: string) =>
    run(`create role ${name(role)} login password ${pg.escapeLiteral(password)}`)
  return {
    port: server.port,
    startMs: server.startMs,
    createRole,
    addRole: async (role) => {
      const password = newPassword()
      await createRole(role, password)
      return password
    },
    setLogin: (role, allowed) => run(`alter role ${name(role)} ${allowed ? 'login' : 'nologin'}`),
    setPassword: (role, password = newPassword()) => run(`alter role ${name(role)} password ${pg.escapeLiteral(password)}`),
    dropRole: (role) => run(`drop role ${name(role)}`),
    stop,
  }
}

function newPassword(): string {
  return randomBytes(18).toString('base64url')
}
