import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface PgbouncerOptions {
  /** Lines of [databases], as `app = host=127.0.0.1 port=5432`. */
  databases: readonly string[]
  /** What auth_file holds: each user with its password, in clear. */
  users: Readonly<Record<string, string>>
  settings?: Readonly<Record<string, string | number>>
}

export interface Pgbouncer {
  port: number
  stop(): Promise<void>
}

/** Debian's binary: give it to `needs('pgbouncer', pgbouncerFile)`. */
export const pgbouncerFile = '/usr/sbin/pgbouncer'

/** It refuses to run as root, as Postgres does. */
const NOBODY = 65_534

/** Starts a PgBouncer of the test's own on a free port of 127.0.0.1; it goes away with `stop()` or with this process. */
export async function startPgbouncer(options: PgbouncerOptions): Promise<Pgbouncer> {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-pgbouncer-'))
  const port = await freePort()
  const config = write(folder, 'pgbouncer.ini', configuration(folder, port, options))
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  const child = spawn(pgbouncerFile, ['-q', config], { ...identity, cwd: '/', stdio: 'ignore' })
  const kill = () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', kill)
  await answers(port, () => child.exitCode !== null)
  return {
    port,
    stop: async () => {
      process.off('exit', kill)
      const ended = once(child, 'exit')
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM')
        await ended
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function configuration(folder: string, port: number, { databases, users, settings }: PgbouncerOptions): string {
  const lines = Object.entries(users).map(([user, password]) => `"${user}" "${password}"`)
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: write(folder, 'users.txt', `${lines.join('\n')}\n`),
    query_wait_timeout: 1,
    server_login_retry: 1,
    ...settings,
  }
  const body = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  return ['[databases]', ...databases, '[pgbouncer]', ...body, ''].join('\n')
}

function write(folder: string, name: string, content: string): string {
  const file = join(folder, name)
  writeFileSync(file, content, { mode: 0o600 })
  if (process.getuid?.() === 0) for (const path of [folder, file]) chownSync(path, NOBODY, NOBODY)
  return file
}

async function answers(port: number, ended: () => boolean): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 20) {
    if (ended()) throw new Error('pgbouncer ended at once')
    const socket = connect({ host: '127.0.0.1', port })
    const up = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (up) return
    await sleep(20)
  }
  throw new Error('pgbouncer did not listen within 10 s')
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port')
  return address.port
}
