import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A folder that a server's own user may read, and how to remove it. */
export function publicFolder(prefix: string): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), prefix))
  chmodSync(path, 0o755)
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** A port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

export interface ServerOptions {
  /** Instead of this process's environment. */
  env?: Readonly<Record<string, string>>
  /** How long it may take until it listens, 10 s; and a third of it until it has ended. */
  patienceMs?: number
}

/** Starts a server in the foreground and waits until it listens. Answers how to stop it; fails with what it printed. */
export async function startServer(
  command: string,
  args: readonly string[],
  port: number,
  { env, patienceMs = 10_000 }: ServerOptions = {},
): Promise<() => Promise<void>> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...(env === undefined ? {} : { env }) })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  // Apache listens before it has read the last of its configuration: twice is ready.
  for (let waited = 0, ready = 0; waited < patienceMs; waited += 50) {
    if (child.exitCode !== null) throw new Error(`${command} ended: ${printed}`)
    if (await listens(port)) ready++
    if (ready === 2) return () => stop(child, gone, patienceMs / 3)
    await sleep(50)
  }
  await stop(child, gone, patienceMs / 3)
  throw new Error(`${command} does not listen: ${printed}`)
}

async function stop(child: ChildProcess, gone: Promise<void>, patienceMs: number): Promise<void> {
  child.kill('SIGTERM')
  const killer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  await gone
  clearTimeout(killer)
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
