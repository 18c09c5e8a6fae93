import { userInfo } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { CONFIG_CHECKS } from '../daemon/checks.ts'
import { callControl, controlAnswers } from '../daemon/control.ts'
import { controlSocket, openConfiguredStore, openRuntime, type Runtime } from '../daemon/runtime.ts'
import { openSecrets } from '../daemon/secrets.ts'
import { VERSION } from '../daemon/version.ts'
import { RevenantError } from '../domain/error.ts'
import { audit } from '../store/audit.ts'
import { folderHolder } from '../store/folder-lock.ts'
import { startTelemetry, type Telemetry } from '../telemetry/start.ts'
import { type Io, readAll } from './io.ts'

/** What a command is run with. */
export interface CommandContext {
  io: Io
  /** The words of the command line, for running it elsewhere. */
  argv: readonly string[]
  configPath: string
  /** Set inside a daemon that runs the command for another process. */
  runtime: Runtime | undefined
  /** Where that daemon serves the page. */
  page: string | undefined
  /** The program itself, for a daemon that runs the commands of others. */
  run: RunCommand
}

/** One command line to run. */
export interface CommandRequest {
  argv: readonly string[]
  /** The file that `--config` overrides. */
  configPath: string
  io: Io
  /** Set inside a daemon. */
  runtime?: Runtime
  /** Where that daemon serves the page. */
  page?: string
}

/** Runs a command line and answers its exit code. */
export type RunCommand = (request: CommandRequest) => Promise<number>

/** Thrown when the daemon that holds the embedded database has run the command instead: nothing is left to do. */
export class RanElsewhere extends Error {
  readonly exit: number

  constructor(exit: number) {
    super('the daemon ran the command')
    this.name = 'RanElsewhere'
    this.exit = exit
  }
}

/** Reads the configuration file of this command line. Throws `CONFIG_UNREADABLE`, `CONFIG_INVALID`. */
export async function configOf(context: CommandContext): Promise<Config> {
  return context.runtime?.config ?? loadConfig(context.configPath, CONFIG_CHECKS)
}

/**
 * Gives a command the opened database, keys, queues and systems. Where a running daemon holds the embedded database the whole
 * command is run inside it, and RanElsewhere carries its exit code out.
 *
 * @param readsStdin the command wants the caller's standard input
 */
export async function withRuntime<T>(
  context: CommandContext,
  work: (runtime: Runtime) => Promise<T>,
  readsStdin = false,
): Promise<T> {
  if (context.runtime !== undefined) return work(context.runtime)
  const config = await configOf(context)
  if (config.database.url === undefined && (await daemonHolds(config))) {
    throw new RanElsewhere(await runInDaemon(context, config, readsStdin))
  }
  const telemetry = await startTelemetry({
    version: VERSION,
    instance: 'command line',
    logLevel: 'warn',
    env: process.env,
    logTo: 'stderr',
  })
  const runtime = await openInTurn(config, telemetry)
  try {
    return await work(runtime)
  } finally {
    await runtime.close()
    await telemetry.shutdown()
  }
}

/** What a command needs that must work where the keys do not: the database, and what secrets are read with. */
export type Stored = Pick<Runtime, 'config' | 'store' | 'secrets'>

/** As `withRuntime`, but opens neither keys nor queues nor systems. */
export async function withStore<T>(context: CommandContext, work: (stored: Stored) => Promise<T>): Promise<T> {
  if (context.runtime !== undefined) return work(context.runtime)
  const config = await configOf(context)
  if (config.database.url === undefined && (await daemonHolds(config))) {
    throw new RanElsewhere(await runInDaemon(context, config, false))
  }
  const secrets = openSecrets(config)
  try {
    const store = await openConfiguredStore(config, 'command line', secrets.read)
    return await work({ config, store, secrets }).finally(() => store.close())
  } finally {
    await secrets.close()
  }
}

/** How long a command waits for another one to be done with the embedded database, or for a daemon to be up. */
const WAIT_MS = 20_000
const LOOK_MS = 100

/** Opens everything; where another command was faster to the embedded database, after it. */
async function openInTurn(config: Config, telemetry: Telemetry): Promise<Runtime> {
  const late = performance.now() + WAIT_MS
  for (;;) {
    try {
      return await openRuntime(config, telemetry)
    } catch (error) {
      const inUse = error instanceof RevenantError && error.code === 'DATABASE_IN_USE'
      if (!inUse || performance.now() > late) throw error
      await sleep(LOOK_MS)
    }
  }
}

/** Whether a daemon holds the embedded database and listens. One that is starting is waited for, and so is another command. */
async function daemonHolds(config: Config): Promise<boolean> {
  const late = performance.now() + WAIT_MS
  for (;;) {
    const holder = await folderHolder(config.database.dataDir)
    if (holder === undefined) return false
    if (await controlAnswers(controlSocket(config))) return true
    if (performance.now() > late) {
      throw new RevenantError(
        'DATABASE_IN_USE',
        `process ${holder} holds the database in ${config.database.dataDir} and takes no commands: wait until it has ended`,
      )
    }
    await sleep(LOOK_MS)
  }
}

async function runInDaemon(context: CommandContext, config: Config, readsStdin: boolean): Promise<number> {
  const { io } = context
  const call = { argv: [...context.argv], cwd: io.cwd, columns: io.columns, isTTY: io.isTTY, colour: io.colour }
  const stdin = readsStdin ? { stdin: Buffer.from(await readAll(io.stdin())).toString('base64') } : {}
  return callControl(controlSocket(config), { ...call, ...stdin }, io)
}

/** Records in the database what an operator did by the command line. */
export async function recordAction(
  runtime: Runtime,
  action: string,
  subject: string,
  detail: Record<string, unknown> = {},
): Promise<void> {
  await audit(runtime.store.db, { actor: operator(), action, subject, detail, at: runtime.now() })
}

/** Who operates: the account that runs the command (over the control socket only that same account can). */
export function operator(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
