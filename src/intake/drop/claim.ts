import { lstat, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { basename, dirname, join, matchesGlob } from 'node:path'
import { errorCode } from '../../domain/error.ts'
import { newId } from '../../domain/id.ts'

/**
 * A file that nobody else reads from now on. That it is read is said by the time of a sign beside it: the file's own time is when its
 * statements were made, whoever reads it and however often.
 */
export interface ClaimedFile {
  /** As it was dropped. */
  name: string
  path: string
  sign: string
  /** When it was changed last, by the file itself as it was claimed. */
  changedMs: number
}

export interface Waiting {
  /** To be read, oldest first. */
  ready: readonly WaitingFile[]
  /** Names that fit, of what is no regular file. */
  refused: readonly string[]
}

interface WaitingFile {
  name: string
  path: string
  changedMs: number
}

/** Where files lie while they are read: on the same file system, so that a rename is the claim. */
export const CLAIMS = '.reading'
/** A claim whose sign was not renewed for so long is that of a process that died: whoever comes next reads the file again. */
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
  const left = await aged(await leftBehind(folder, now), settleMs, now)
  const byAge = (a: { changedMs: number; name: string }, b: { changedMs: number; name: string }) =>
    a.changedMs - b.changedMs || (a.name < b.name ? -1 : 1)
  return {
    ready: [...left, ...settled].toSorted(byAge),
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

/** Claims whose sign is gone, or was not renewed. A sign that a process left without its claim is removed. */
async function leftBehind(folder: string, now: number): Promise<{ name: string; path: string }[]> {
  const all = await readdir(join(folder, CLAIMS))
  const claims = new Map(
    all.flatMap((entry) => {
      const [, id, name] = CLAIM.exec(entry) ?? []
      return id === undefined || name === undefined ? [] : [[id, { name, path: join(folder, CLAIMS, entry) }]]
    }),
  )
  const left: { name: string; path: string }[] = []
  for (const [id, claim] of claims) if (!(await isHeld(signOf(folder, id), now))) left.push(claim)
  for (const entry of all) {
    const id = SIGN.exec(entry)?.[1]
    if (id === undefined || claims.has(id)) continue
    const sign = signOf(folder, id)
    if (!(await isHeld(sign, now))) await removeSign(sign)
  }
  return left
}

/** Looked for by its name: a list of the folder may have been begun before the sign was there. */
async function isHeld(sign: string, now: number): Promise<boolean> {
  return lstat(sign).then(
    ({ mtimeMs }) => now - mtimeMs < STALE_MS,
    () => false,
  )
}

const CLAIM = /^([0-9a-f-]{36})~(.+)$/s
const SIGN = /^([0-9a-f-]{36})\.held$/

function signOf(folder: string, id: string): string {
  return join(folder, CLAIMS, `${id}.held`)
}

async function removeSign(sign: string): Promise<void> {
  // One that stays is that of a claim that is over; it is removed once it is old.
  await rm(sign, { force: true }).catch(() => {})
}

/** Takes a file for this process. Undefined where another one was faster, or it is gone. */
export async function claimFile(folder: string, file: { name: string; path: string }): Promise<ClaimedFile | undefined> {
  const id = newId()
  const [path, sign] = [join(folder, CLAIMS, `${id}~${file.name}`), signOf(folder, id)]
  // The sign first: a claim without one is nobody's.
  await writeFile(sign, '', { mode: 0o600, flag: 'wx' })
  try {
    await rename(file.path, path)
    // Of what is claimed, and not of what was listed: another file may have taken its name in between.
    const { mtimeMs } = await lstat(path)
    const before = CLAIM.exec(basename(file.path))?.[1]
    if (before !== undefined && dirname(file.path) === dirname(path)) await removeSign(signOf(folder, before))
    return { name: file.name, path, sign, changedMs: mtimeMs }
  } catch (error) {
    await removeSign(sign)
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Says from time to time that a claim is held. Answers what ends that: whatever still lies there then is read by whoever comes next. It
 * stays where it is, since another file may have its name by now.
 */
export function holdClaim({ sign }: ClaimedFile): () => Promise<void> {
  const renew = () => {
    const now = new Date()
    // Where it cannot be said, another replica reads the file again after a while, which changes nothing.
    utimes(sign, now, now).catch(() => {})
  }
  const timer = setInterval(renew, RENEW_MS)
  timer.unref()
  return () => {
    clearInterval(timer)
    return removeSign(sign)
  }
}
