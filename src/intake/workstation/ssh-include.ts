import type { Dirent } from 'node:fs'
import { opendir, realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { errorCode } from '../../domain/error.ts'
import { type AsideReason, REASONS } from '../found/candidate.ts'
import { MAX_STORE_BYTES, readStore, textOf } from './read-store.ts'
import type { ReadIncluded, SshText } from './ssh-config.ts'
import { globParts, isLike } from './ssh-pattern.ts'

/** Entries of folders that are compared with patterns, for one configuration. */
const MAX_LOOKED_AT = 10_000
/** No name of a file is longer. */
const MAX_NAME = 255

/** Why nobody knows what a name after `Include` brings, in words that follow "which". */
interface Unknown {
  why: string
}

interface Folder {
  root: string
  /** What may still be looked at, and read. */
  left: { entries: number; chars: number }
}

/**
 * Reads what the client's configuration of a home folder includes, as the client does (`ssh_config(5)`, Include): below `~/.ssh` where
 * nothing else is said, patterns in the order of their bytes. Only from inside the folder that was given, through no symbolic link: all
 * else is unknown, and so is a file that is not there, for who copied the folder may have left it out. Throws a `RangeError` for more than
 * anybody has.
 *
 * @param root the folder that was given: the home, or its `.ssh`
 * @param config the configuration, by its path below it
 */
export function openIncluded(root: string, config: string): ReadIncluded {
  const folder: Folder = { root, left: { entries: MAX_LOOKED_AT, chars: MAX_STORE_BYTES } }
  const home = homeOf(root, config)
  return async (name) => {
    const path =
      home === undefined ? { why: 'stands in a configuration that is not that of the home folder' } : pathOf(name, home)
    if ('why' in path) return [path]
    const files = await expand(folder, path.parts)
    if ('why' in files) return [files]
    const texts: (SshText | Unknown)[] = []
    for (const file of files) texts.push(await read(folder, file))
    return texts
  }
}

interface Home {
  /** The names of the folders down to it, on the machine that the configuration is read on. */
  at: readonly string[]
  /** How the folder that was given is named from there. */
  given: readonly string[]
}

function homeOf(root: string, config: string): Home | undefined {
  const at = root.split(/[\\/]/).filter((part) => part !== '')
  if (config === '.ssh/config') return { at, given: [] }
  return config === 'config' && basename(root) === '.ssh' ? { at: at.slice(0, -1), given: ['.ssh'] } : undefined
}

/** Where a name leads to, below the folder that was given. */
function pathOf(name: string, home: Home): { parts: readonly string[] } | Unknown {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  // Behind a symbolic link it would lead elsewhere than it seems.
  if (parts.includes('..') || parts.some(({ length }) => length > MAX_NAME)) return { why: 'cannot be read with certainty' }
  const fromHome = name.startsWith('/')
    ? belowHome(parts, home)
    : name.startsWith('~')
      ? parts[0] === '~'
        ? parts.slice(1)
        : undefined
      : ['.ssh', ...parts]
  const isInside = fromHome !== undefined && home.given.every((part, at) => fromHome[at] === part)
  return isInside
    ? { parts: fromHome.slice(home.given.length) }
    : { why: 'names a file that is not certain to lie in this folder' }
}

/**
 * An absolute path of the machine that the folder was copied from, from the home on. It begins with the home's own path there, and so it
 * begins as the path of the copy ends: `/home/anna` in `/mnt/disk/home/anna`. A name alone (`/backup/anna`) does not say whose home it is.
 */
function belowHome(parts: readonly string[], { at }: Home): readonly string[] | undefined {
  const lengths = parts.flatMap((_part, n) => {
    const length = n + 1
    const isTail = length <= at.length && at.slice(-length).every((part, k) => part === parts[k])
    return isTail && (length > 1 || parts[0] === 'root' || at.length === 1) ? [length] : []
  })
  return lengths.length === 1 ? parts.slice(lengths[0]) : undefined
}

/** The files that a path with patterns names, in the client's order. */
async function expand(folder: Folder, parts: readonly string[]): Promise<string[] | Unknown> {
  const first = parts.findIndex((part) => /[*?[\]]/.test(part))
  if (first === -1) return [parts.join('/')]
  let open = [parts.slice(0, first).join('/')]
  for (const [n, part] of parts.slice(first).entries()) {
    const isLast = first + n === parts.length - 1
    const next: string[] = []
    for (const path of open) {
      const entries = await matching(folder, path, part)
      if ('why' in entries) return entries
      for (const entry of entries) {
        if (entry.isSymbolicLink()) return { why: whyOf('not_followed') }
        if (isLast || entry.isDirectory()) next.push(path === '' ? entry.name : `${path}/${entry.name}`)
      }
    }
    open = next
  }
  return open.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

/** The entries of a folder whose names are as a pattern says: what begins with a dot is only for one that does. */
async function matching({ root, left }: Folder, path: string, text: string): Promise<Dirent[] | Unknown> {
  const parts = globParts(text)
  if (parts === undefined) return { why: 'cannot be read with certainty' }
  const found: Dirent[] = []
  try {
    if ((await realpath(join(root, path))) !== join(await realpath(root), path)) return { why: whyOf('not_followed') }
    for await (const entry of await opendir(join(root, path))) {
      if (--left.entries < 0) throw new RangeError('too many files')
      // The client compares bytes: it takes several of them for such a character.
      if (/[^ -~]/.test(entry.name) && /[?[]/.test(text)) return { why: 'cannot be read with certainty' }
      if (entry.name.startsWith('.') === text.startsWith('.') && isLike(entry.name, parts)) found.push(entry)
    }
  } catch (error) {
    if (error instanceof RangeError) throw error
    return { why: missingOr(errorCode(error) === 'ENOENT', 'unreadable') }
  }
  return found
}

async function read({ root, left }: Folder, file: string): Promise<SshText | Unknown> {
  const found = await readStore(root, file)
  if ('reason' in found) return { why: missingOr(found.isMissing === true, found.reason) }
  const text = textOf(found.bytes)
  if (text === undefined) return { why: 'names a file that is no text in UTF-8' }
  left.chars -= text.length
  if (left.chars < 0) throw new RangeError('too much is included')
  return { file, text }
}

function missingOr(isMissing: boolean, reason: AsideReason): string {
  return isMissing ? 'names a file that is not there: it may not have been copied' : whyOf(reason)
}

function whyOf(reason: AsideReason): string {
  return `names what ${REASONS[reason]}`
}
