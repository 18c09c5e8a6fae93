import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface DaemonProcess {
  readonly child: ChildProcess
  /** What it wrote so far. */
  log(): string
  /** The address of its health pages, once it says that it runs; rejects when it ends before. */
  readonly running: Promise<string>
  /** How it ended. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

const ROOT = join(import.meta.dirname, '../..')

/** Starts the real daemon, as an operator does. */
export function launchDaemon(configPath: string, env: Record<string, string> = {}): DaemonProcess {
  const child = spawn(process.execPath, ['--import=./src/compile-cache.mjs', 'src/main.ts', '-c', configPath, 'run'], {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  const address = Promise.withResolvers<string>()
  // A daemon that is killed while it starts is no failure of the test.
  address.promise.catch(() => {})
  const read = (chunk: Buffer) => {
    text += chunk.toString()
    const found = /"health":"(http:\/\/[^"]+)\/healthz"/.exec(text)
    if (found?.[1] !== undefined) address.resolve(found[1])
  }
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  const ended = once(child, 'exit').then(() => {
    address.reject(new Error(`the daemon ended: ${text.slice(-2_000)}`))
    return { code: child.exitCode, signal: child.signalCode }
  })
  return {
    child,
    log: () => text,
    running: address.promise,
    ended,
    end: (signal) => {
      child.kill(signal)
      return ended
    },
  }
}
