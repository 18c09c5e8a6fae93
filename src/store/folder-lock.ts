import { open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, RevenantError } from '../domain/error.ts'

export interface FolderLock {
  release(): Promise<void>
}

/**
 * Claims a data folder for this process: two PGlite instances on one folder would destroy it. The claim is a file that holds the
 * process id and when that process started, so that a claim left by a crash is taken over, even when its process id has been
 * given to another program. Throws `DATABASE_IN_USE`.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const file = join(folder, 'in-use')
  const mine = `${process.pid} ${await startOf(process.pid)}\n`
  for (let tries = 0; tries < 3; tries++) {
    try {
      const handle = await open(file, 'wx', 0o600)
      await handle.writeFile(mine)
      await handle.close()
      return { release: () => release(file, mine) }
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
      await dropIfStale(file, folder)
    }
  }
  throw new RevenantError('DATABASE_IN_USE', `${folder} is being claimed by another process; try again`)
}

/** The process that holds a folder, or undefined. */
export async function folderHolder(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, 'in-use'), 'utf8').catch(() => '')
  const [pid, start] = text.trim().split(' ')
  if (pid === undefined || pid === '' || start === undefined) return undefined
  return (await startOf(Number(pid))) === start ? Number(pid) : undefined
}

async function dropIfStale(file: string, folder: string): Promise<void> {
  const holder = await folderHolder(folder)
  if (holder !== undefined) {
    throw new RevenantError(
      'DATABASE_IN_USE',
      `${folder} is in use by process ${holder}: stop it first, or use Postgres for more than one process`,
    )
  }
  await unlink(file).catch(() => {})
}

async function release(file: string, mine: string): Promise<void> {
  if ((await readFile(file, 'utf8').catch(() => '')) === mine) await unlink(file).catch(() => {})
}

/** When a process started, in the kernel's own words (proc(5), field 22); `alive` where there is no /proc; undefined when it is gone. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return undefined
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  if (stat === undefined) return 'alive'
  // The command name may hold spaces and parentheses: fields count from the last one.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}
