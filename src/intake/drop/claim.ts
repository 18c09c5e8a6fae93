import { lstat, readdir, rename, utimes } from 'node:fs/promises'
import { join, matchesGlob } from 'node:path'
import { errorCode } from '../../domain/error.ts'
import { newId } from '../../domain/id.ts'

/** A file that nobody else reads from now on. */
export interface ClaimedFile {
  /** As it was dropped. */
  name: string
  path: string
}

export interface Waiting {
  /** To be read, oldest first. */
  ready: readonly { name: string; path: string; changedMs: number }[]
  /** Names that fit, of what is no regular file. */
  refused: readonly string[]
}

/** Where files lie while they are read: on the same file system, so that a rename is the claim. */
export const CLAIMS = '.reading'
/** A claim that was not renewed for so long is that of a process that died: whoever comes next reads the file again. */
const STALE_MS = 300_000
const RENEW_MS = 60_000

/** What lies in the folder and fits, and what a process that died left half read. @param now milliseconds of the file system's clock */
export async function findWaiting(
  folder: string,
  { pattern, settleMs }: { pattern: string; settleMs: number },
  now: number,
): Promise<Waiting> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter(
    (entry) => !entry.isDirectory() && !entry.name.startsWith('.') && matchesGlob(entry.name, pattern),
  )
  const settled = await aged(
    entries.flatMap((entry) => (entry.isFile() ? [{ name: entry.name, path: join(folder, entry.name) }] : [])),
    settleMs,
    now,
  )
  const left = (await readdir(join(folder, CLAIMS))).flatMap((claim) => {
    const name = /^[0-9a-f-]{36}~(.+)$/s.exec(claim)?.[1]
    return name === undefined ? [] : [{ name, path: join(folder, CLAIMS, claim) }]
  })
  const stale = await aged(left, STALE_MS, now)
  const byAge = (a: { changedMs: number; name: string }, b: { changedMs: number; name: string }) =>
    a.changedMs - b.changedMs || (a.name < b.name ? -1 : 1)
  return {
    ready: [...stale, ...settled].toSorted(byAge),
    refused: entries.flatMap((entry) => (entry.isFile() ? [] : [entry.name])).toSorted(),
  }
}

async function aged<File extends { path: string }>(files: readonly File[], leastMs: number, now: number) {
  const found: (File & { changedMs: number })[] = []
  for (const file of files) {
    const changedMs = await lstat(file.path).then(
      (stat) => stat.mtimeMs,
      () => undefined,
    )
    if (changedMs !== undefined && now - changedMs >= leastMs) found.push({ ...file, changedMs })
  }
  return found
}

/** Takes a file for this process. Undefined where another one was faster, or it is gone. */
export async function claimFile(folder: string, file: { name: string; path: string }): Promise<ClaimedFile | undefined> {
  const path = join(folder, CLAIMS, `${newId()}~${file.name}`)
  try {
    await rename(file.path, path)
    return { name: file.name, path }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Gives a claim up: whoever comes next reads the file, as old as it was. It stays where it is, since another file may have its name
 * by now.
 */
export async function giveBack({ path }: ClaimedFile, changedMs: number): Promise<void> {
  const then = new Date(Math.min(changedMs, Date.now() - STALE_MS))
  await utimes(path, then, then).catch(() => {})
}

/** Says from time to time that a claim is held. Answers what ends that. */
export function holdClaim({ path }: ClaimedFile): () => void {
  const renew = () => {
    const now = new Date()
    // Where it cannot be said, another replica reads the file again after a while, which changes nothing.
    utimes(path, now, now).catch(() => {})
  }
  renew()
  const timer = setInterval(renew, RENEW_MS)
  timer.unref()
  return () => clearInterval(timer)
}
