import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

/*
 * The other end of `guard.ts`: a process of its own that outlives the one it guards by a moment. Its standard input is the lifeline:
 * the kernel closes it however the other process ends, `kill -9` included.
 */

/** How long a Postgres may take over its immediate shutdown before it is killed. */
const PATIENCE_MS = 3_000

const pids = new Set<number>()
const folders = new Set<string>()
let released = false

const ORDERS: Readonly<Record<string, (rest: string) => void>> = {
  pid: (rest) => pids.add(Number(rest)),
  gone: (rest) => pids.delete(Number(rest)),
  folder: (rest) => folders.add(decodeURIComponent(rest)),
  release: () => {
    released = true
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const space = line.indexOf(' ')
  const [word, rest] = space === -1 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)]
  ORDERS[word]?.(rest)
}
if (!released) {
  await stopAll()
  for (const folder of folders) await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
}

async function stopAll(): Promise<void> {
  // Postgres's immediate shutdown: nothing of it is kept, so nothing needs to be written.
  signal('SIGQUIT')
  for (let waited = 0; waited < PATIENCE_MS && pids.size > 0; waited += 20) {
    await sleep(20)
    signal(0)
  }
  signal('SIGKILL')
}

/** Sends a signal (0: only looks) and forgets who is not there any more. */
function signal(name: NodeJS.Signals | 0): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
      if (isZombie(pid)) pids.delete(pid)
    } catch {
      pids.delete(pid)
    }
  }
}

/** In a container without an init nobody collects the dead (proc(5), `stat`); other systems than Linux have one. */
function isZombie(pid: number): boolean {
  try {
    return / Z [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}
