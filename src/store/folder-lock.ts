import { createHash, randomUUID } from 'node:crypto'
import { constants, copyFile, link, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
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
  const id = randomUUID()
  const mine = `${process.pid} ${await startOf(process.pid)} ${id}\n`
  const draft = `${file}.${id}`
  await writeFile(draft, mine, { flag: 'wx', mode: 0o600 })
  try {
    for (let tries = 0; tries < TRIES; tries++) {
      if ((await put(draft, file)) || (await takeOver(draft, file, folder))) {
        await tidy(folder)
        return { release: () => release(file, mine) }
      }
    }
  } finally {
    await unlink(draft).catch(() => {})
  }
  throw new RevenantError('DATABASE_IN_USE', `${folder} is being claimed by another process; try again`)
}

const TRIES = 5

/** The process that holds a folder, or undefined. */
export async function folderHolder(folder: string): Promise<number | undefined> {
  return livingHolder((await read(join(folder, 'in-use'))) ?? '')
}

async function livingHolder(claim: string): Promise<number | undefined> {
  const [pid, start] = claim.trim().split(' ')
  if (pid === undefined || pid === '' || start === undefined) return undefined
  return (await startOf(Number(pid))) === start ? Number(pid) : undefined
}

/**
 * Takes over from a process that is dead. Many may want to: whoever puts down a file that is named after the dead claim is its heir,
 * so that each claim has one. An heir that died in turn has an heir of its own. False: somebody else was faster, look again.
 */
async function takeOver(draft: string, file: string, folder: string): Promise<boolean> {
  const dead: { path: string; text: string }[] = []
  for (let path = file; ; ) {
    const text = await read(path)
    if (text === undefined) {
      if (path === file || !(await put(draft, path))) return false
      return succeed(draft, file, dead, path)
    }
    const holder = await livingHolder(text)
    if (holder !== undefined) {
      throw new RevenantError(
        'DATABASE_IN_USE',
        `${folder} is in use by process ${holder}: stop it first, or use Postgres for more than one process`,
      )
    }
    dead.push({ path, text })
    path = `${file}.heir-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
  }
}

/** The heir's claim takes the place of the dead one, unless that has gone meanwhile: then its heir had come and cleared up before. */
async function succeed(
  draft: string,
  file: string,
  dead: readonly { path: string; text: string }[],
  heir: string,
): Promise<boolean> {
  let stands = true
  for (const { path, text } of dead) if ((await read(path)) !== text) stands = false
  if (stands) await rename(draft, file)
  for (const { path } of dead) if (stands && path !== file) await unlink(path).catch(() => {})
  await unlink(heir).catch(() => {})
  return stands
}

/** Drops what dead processes left beside the claim; those of living ones are still in use. */
async function tidy(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith('in-use.')) continue
    const text = await read(join(folder, name))
    // An empty one is just being written.
    if (text !== undefined && text !== '' && (await livingHolder(text)) === undefined)
      await unlink(join(folder, name)).catch(() => {})
  }
}

function read(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}

const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** Puts a written file in its place; false where there is one already. Unlike a file that is opened and then written, a link is never seen empty. */
async function put(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file).catch((error: unknown) => {
      if (!NO_LINKS.has(errorCode(error) ?? '')) throw error
      return copyFile(draft, file, constants.COPYFILE_EXCL)
    })
    return true
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
    return false
  }
}

async function release(file: string, mine: string): Promise<void> {
  if ((await read(file)) === mine) await unlink(file).catch(() => {})
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
