import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
/** As `npm start` has it. */
const CACHED = `--import=${fileURLToPath(new URL('../../src/compile-cache.mjs', import.meta.url))}`

export interface Ran {
  exit: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  stdin?: string
  env?: Readonly<Record<string, string>>
  /** Relative to the house's folder. */
  cwd?: string
  /** `false`: no `--config` is given. Default: the house's `revenant.yaml`. */
  config?: string | false
}

export interface StartedProcess {
  child: ChildProcess
  stdout(): string
  stderr(): string
  /** Both streams, in the order in which they came. */
  said(): string
  ended: Promise<Ran>
}

export interface RunningDaemon extends StartedProcess {
  pid: number
  /** `http://127.0.0.1:PORT` of health and metrics. */
  address: string
  /** Sends SIGTERM and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Ran>
  /** Waits until the log has a line with this text, counted from `since`. */
  waitFor(text: string, since?: number): Promise<void>
}

/** A folder of its own with a configuration, in which the real program is run as a child process. */
export interface House {
  folder: string
  path(name: string): string
  /** Writes a file and answers its path. */
  write(name: string, text: string, mode?: number): string
  /** Paths of what `write` and `configure` wrote. */
  written(): ReadonlySet<string>
  /** Writes `revenant.yaml`: these keys over a quick tick and any free port. */
  configure(config: Readonly<Record<string, unknown>>): void
  run(args: readonly string[], options?: RunOptions): Promise<Ran>
  /** Starts the program and does not wait. */
  start(args: readonly string[], options?: RunOptions): StartedProcess
  daemon(options?: RunOptions): Promise<RunningDaemon>
  /** Ends what still runs and removes the folder. */
  stop(): Promise<void>
}

/** How long a command may take here: machines that run other tests at the same time are slow. */
const COMMAND_MS = 60_000

/** @param env set for every process of the house, over a clean environment */
export function openHouse(env: Readonly<Record<string, string>> = {}): House {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-house-'))
  mkdirSync(join(folder, 'tmp'))
  const running = new Set<ChildProcess>()
  const written = new Set<string>()
  const path = (name: string) => join(folder, name)
  const write = (name: string, text: string, mode = 0o600) => {
    mkdirSync(dirname(path(name)), { recursive: true })
    writeFileSync(path(name), text, { mode })
    written.add(path(name))
    return path(name)
  }
  const start = (args: readonly string[], options: RunOptions = {}): StartedProcess => {
    const config = options.config ?? 'revenant.yaml'
    const child = spawn(process.execPath, [CACHED, MAIN, ...(config === false ? [] : ['--config', config]), ...args], {
      cwd: options.cwd === undefined ? folder : path(options.cwd),
      env: { PATH: process.env.PATH ?? '', HOME: folder, TMPDIR: path('tmp'), ...env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    running.add(child)
    return watch(child, options.stdin, () => running.delete(child))
  }
  const run = async (args: readonly string[], options?: RunOptions) => {
    const { child, ended } = start(args, options)
    const late = setTimeout(() => child.kill('SIGKILL'), COMMAND_MS)
    const ran = await ended
    clearTimeout(late)
    return ran
  }
  return {
    folder,
    path,
    write,
    written: () => written,
    configure: (config) => void write('revenant.yaml', stringify({ listen: '127.0.0.1:0', scan: { tick: '1s' }, ...config })),
    run,
    start,
    daemon: async (options) => daemonOf(start(['run'], options)),
    stop: async () => {
      for (const child of running) {
        child.kill('SIGKILL')
        if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
      }
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

function watch(child: ChildProcess, stdin: string | undefined, onEnd: () => void): StartedProcess {
  let [stdout, stderr, said] = ['', '', '']
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
    said += chunk.toString()
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
    said += chunk.toString()
  })
  // A command that needs no input may be gone before it is written.
  child.stdin?.on('error', () => {})
  child.stdin?.end(stdin ?? '')
  const ended = new Promise<Ran>((resolve) => {
    child.once('close', (exit, signal) => {
      onEnd()
      resolve({ exit, signal, stdout, stderr })
    })
  })
  return { child, stdout: () => stdout, stderr: () => stderr, said: () => said, ended }
}

async function daemonOf(started: StartedProcess): Promise<RunningDaemon> {
  const waitFor = (text: string, since = 0) =>
    new Promise<void>((resolve, reject) => {
      const settle = (error?: Error) => {
        clearTimeout(late)
        clearInterval(look)
        if (error === undefined) resolve()
        else reject(error)
      }
      const late = setTimeout(() => settle(new Error(`the daemon never said "${text}": ${started.said()}`)), COMMAND_MS)
      const look = setInterval(() => {
        if (started.said().indexOf(text, since) >= 0) settle()
        else if (started.child.exitCode !== null || started.child.signalCode !== null)
          settle(new Error(`the daemon ended: ${started.said()}`))
      }, 25)
    })
  await waitFor('"msg":"revenant is running"')
  const address = /"health":"(http:\/\/[^"]+)\/healthz"/.exec(started.said())?.[1]
  if (address === undefined) throw new Error(`the daemon did not say where its health is: ${started.said()}`)
  return {
    ...started,
    pid: started.child.pid ?? 0,
    address,
    waitFor,
    stop: (signal = 'SIGTERM') => {
      started.child.kill(signal)
      return started.ended
    },
  }
}

/** Asks until the answer is there; fails with the last one. */
export async function until<T>(ask: () => Promise<T> | T, good: (value: T) => boolean, ms = 30_000): Promise<T> {
  const end = performance.now() + ms
  for (;;) {
    const value = await ask()
    if (good(value)) return value
    if (performance.now() > end) throw new Error(`still not so after ${ms} ms: ${JSON.stringify(value)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
