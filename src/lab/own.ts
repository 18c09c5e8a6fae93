import { chownSync, lstatSync, mkdtempSync, readdirSync, rmdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { RevenantError } from '../domain/error.ts'

/** `nobody`: Postgres refuses to run as root, so root runs it as this user, which every Unix has. */
const NOBODY = 65_534

/** What to give to `spawn` so that the child is not root. */
export function unprivileged(): { uid: number; gid: number } | Record<string, never> {
  return isRoot() ? { uid: NOBODY, gid: NOBODY } : {}
}

/** Gives a file or folder, not what is in it, to the user that the children run as. */
export function own(path: string): void {
  if (isRoot()) chownSync(path, NOBODY, NOBODY)
}

/** `own` for a whole tree; links themselves are left as they are. */
export function ownTree(path: string): void {
  if (!isRoot()) return
  const status = lstatSync(path)
  if (status.isSymbolicLink()) return
  chownSync(path, NOBODY, NOBODY)
  if (status.isDirectory()) for (const entry of readdirSync(path)) ownTree(join(path, entry))
}

/** True when the user that the children run as may walk down to this folder. */
export function reachable(path: string): boolean {
  if (!isRoot()) return true
  if ((statSync(path).mode & 0o001) === 0) return false
  return dirname(path) === path || reachable(dirname(path))
}

/**
 * A new folder for that user's files: inside `folder`, or in the machine's temporary folder where `folder` lies in a home that
 * nobody else may enter. Throws `INTERNAL` when there is no such place.
 */
export function reachableFolder(folder: string, prefix: string): string {
  for (const parent of new Set([folder, tmpdir(), '/tmp', '/var/tmp'])) {
    if (!isFolder(parent)) continue
    const made = mkdtempSync(join(parent, prefix))
    own(made)
    if (reachable(parent)) return made
    rmdirSync(made)
  }
  throw new RevenantError('INTERNAL', 'no folder that an unprivileged user may enter: set TMPDIR to one')
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function isRoot(): boolean {
  return process.getuid?.() === 0
}
