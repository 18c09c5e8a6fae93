import { spawn } from 'node:child_process'
import { errorCode } from '../../domain/error.ts'
import type { ExecConfig } from '../../domain/secret-manager.ts'
import { MAX_SECRET_BYTES, type ManagedPlace, ManagerError, type SecretManager, textOf } from './manager.ts'
import { openTurnstile } from './turnstile.ts'

/** Programs cost more than requests. */
const PLACES = 4

/**
 * A program that prints a secret: no shell, the arguments of the configuration and at most one of the reference, an environment with
 * nothing but PATH, no input, its messages dropped. Its last line break is not part of the secret.
 */
export function openExec(config: ExecConfig): SecretManager {
  const turn = openTurnstile({ places: PLACES })
  const running = new Set<() => void>()
  return {
    read: async (place) => {
      const args = [...config.args, ...argumentOf(config, place)]
      const bytes = await turn((signal) => run(config.program, args, signal, running))
      return textOf(bytes).replace(/\r?\n$/, '')
    },
    close: async () => {
      for (const kill of running) kill()
    },
  }
}

function argumentOf({ argument }: ExecConfig, { path }: ManagedPlace): string[] {
  if (path === '') return []
  if (argument === undefined) throw new ManagerError('unfit', 'takes no argument')
  // Whatever the pattern: an option could make the program do something else.
  if (path.startsWith('-') || !new RegExp(`^(?:${argument})$`, 'u').test(path))
    throw new ManagerError('unfit', 'does not take that argument')
  return [path]
}

async function run(program: string, args: string[], signal: AbortSignal, running: Set<() => void>): Promise<Buffer> {
  const posix = process.platform !== 'win32'
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: false,
    // A group of its own, so that what it starts ends with it.
    detached: posix,
    windowsHide: true,
  })
  const kill = () => {
    try {
      if (posix && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      else child.kill('SIGKILL')
    } catch {
      // It has ended.
    }
    child.stdout.destroy()
  }
  running.add(kill)
  signal.addEventListener('abort', kill, { once: true })
  try {
    return await outputOf(child, kill)
  } finally {
    signal.removeEventListener('abort', kill)
    running.delete(kill)
  }
}

function outputOf(child: ReturnType<typeof spawn>, kill: () => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    child.stdout?.on('data', (chunk: Buffer) => {
      length += chunk.byteLength
      if (length <= MAX_SECRET_BYTES + 2) chunks.push(chunk)
      else {
        kill()
        reject(new ManagerError('unfit', 'printed more than 64 KiB'))
      }
    })
    child.once('error', (error) =>
      reject(new ManagerError('refused', `could not be started (${errorCode(error) ?? 'unknown error'})`)),
    )
    child.once('close', (code, by) => {
      if (code === 0) resolve(Buffer.concat(chunks))
      else
        reject(new ManagerError('refused', code === null ? `was ended by ${by ?? 'a signal'}` : `ended with exit code ${code}`))
    })
  })
}
