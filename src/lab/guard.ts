import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Sees to it that nothing stays when this process dies, however it dies. */
export interface Guard {
  /** A folder that goes with this process. Everything in it must be ours. */
  folder(path: string): void
  /** A process that goes with this process: by SIGQUIT, then SIGKILL. */
  child(child: ChildProcess): void
  /** Everything has been stopped and removed in good order: the guard leaves without doing anything. */
  release(): Promise<void>
}

/**
 * Starts a guard: a small process that waits for the end of this one, and then stops and removes what it was told of. No handler
 * in this process can do that: `kill -9` and a crash run none.
 */
export function startGuard(): Guard {
  const file = fileURLToPath(new URL('guard-process.ts', import.meta.url))
  // A session of its own: Ctrl-C in the terminal is for us, and must not end the guard before its work.
  const child = spawn(process.execPath, [file], { detached: true, cwd: '/', env: {}, stdio: ['pipe', 'ignore', 'ignore'] })
  const ended = once(child, 'exit')
  // A guard that is killed before us breaks the pipe; what follows from that is that nobody guards, not that we fail.
  child.stdin.on('error', () => {})
  ended.catch(() => {})
  child.unref()
  const order = (line: string) => child.stdin.write(`${line}\n`)
  return {
    folder: (path) => order(`folder ${encodeURIComponent(path)}`),
    child: (guarded) => {
      if (guarded.pid === undefined) return
      order(`pid ${guarded.pid}`)
      guarded.once('exit', () => order(`gone ${guarded.pid}`))
    },
    release: async () => {
      child.ref()
      child.stdin.end('release\n')
      await ended.catch(() => {})
    },
  }
}
