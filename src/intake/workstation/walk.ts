import type { Dirent } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, RevenantError } from '../../domain/error.ts'
import type { AsideReason } from '../found/candidate.ts'

/** A file that bears the name of a store, by its path below the folder; or why it is not looked at. */
export interface WalkedFile {
  path: string
  reason?: AsideReason
  why?: string
}

/** What is looked for. */
export interface Wanted {
  file(path: string): boolean
  /** A folder that stores lie in: told where it is a symbolic link, or cannot be read. */
  folder(path: string): boolean
}

/** Code of others, copies and caches: nobody's credentials, and most of a home folder. */
const SKIPPED: ReadonlySet<string> = new Set([
  'node_modules',
  '.git',
  '.cache',
  'Caches',
  '.Trash',
  '.npm',
  '.venv',
  'site-packages',
])
/** A home folder with its projects has fewer. */
export const MAX_ENTRIES = 500_000
const MAX_DEPTH = 24

/**
 * Every store below a folder, in the order of their paths. Symbolic links are not followed; one that bears the name of a store or of
 * a folder of stores is told, and so is what could not be looked at. Throws `INPUT_INVALID` where the folder itself cannot be read.
 */
export async function walk(folder: string, wanted: Wanted, signal?: AbortSignal): Promise<WalkedFile[]> {
  const found: WalkedFile[] = []
  const open = ['']
  let entries = 0
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    let list: Dirent[]
    try {
      list = await listOf(join(folder, at))
    } catch (error) {
      const why = `cannot be read (${errorCode(error) ?? 'unknown error'})`
      if (at === '') throw new RevenantError('INPUT_INVALID', `${folder} ${why}: give the folder of a workstation`)
      found.push({ path: at, reason: 'unreadable', why })
      continue
    }
    for (const entry of list) {
      if (signal?.aborted === true) return sorted(found)
      if (++entries > MAX_ENTRIES) return sorted([...found, { path: at === '' ? '.' : at, reason: 'cut_short' }])
      const path = at === '' ? entry.name : `${at}/${entry.name}`
      const judged = judge(entry, path, wanted)
      if (judged === 'open') open.push(path)
      else if (judged !== undefined) found.push(judged)
    }
  }
  return sorted(found)
}

async function listOf(folder: string): Promise<Dirent[]> {
  const list: Dirent[] = []
  for await (const entry of await opendir(folder)) list.push(entry)
  return list
}

function judge(entry: Dirent, path: string, wanted: Wanted): WalkedFile | 'open' | undefined {
  if (entry.isDirectory()) {
    if (SKIPPED.has(entry.name)) return undefined
    return path.split('/').length > MAX_DEPTH ? { path, reason: 'cut_short' } : 'open'
  }
  if (entry.isSymbolicLink()) return wanted.file(path) || wanted.folder(path) ? { path, reason: 'not_followed' } : undefined
  if (!wanted.file(path)) return undefined
  return entry.isFile() ? { path } : { path, reason: 'not_regular' }
}

function sorted(files: WalkedFile[]): WalkedFile[] {
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}
