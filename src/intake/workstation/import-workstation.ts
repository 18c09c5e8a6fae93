import { basename, resolve } from 'node:path'
import { RevenantError } from '../../domain/error.ts'
import type { ImportOptions } from '../deps.ts'
import { type Aside, aside, type Found } from '../found/candidate.ts'
import type { FoundReport } from '../found/found-report.ts'
import { type FoundDeps, type FoundWords, importFound } from '../found/import-found.ts'
import { readStore, textOf } from './read-store.ts'
import { readSshConfig, type SshHost } from './ssh-config.ts'
import { atHosts } from './ssh-folder.ts'
import { openIncluded } from './ssh-include.ts'
import { foundIn, notOne, type Stored } from './stored.ts'
import { isStoreFolder, type Store, storeAt } from './stores.ts'
import { type WalkedFile, walk } from './walk.ts'

/** What the operator says: whose machine it was, above all. */
export type WorkstationWords = FoundWords & { identity: string }

/**
 * Imports the credential stores that a leaver's machine leaves behind (`docs/sources.md`): everything below a folder that bears the
 * name of one. Nothing is run, no link followed, no folder left. Throws `INPUT_INVALID` for a folder that cannot be read, `NOT_FOUND`
 * for an identity that is not known, before anything is written.
 */
export async function importWorkstation(
  folder: string,
  words: WorkstationWords,
  deps: FoundDeps,
  options: ImportOptions,
): Promise<FoundReport> {
  const { found, files } = await findStored(folder, options.signal)
  if (options.signal?.aborted === true) throw new RevenantError('INPUT_INVALID', 'stopped before anything was imported')
  const report = await importFound(found, { action: 'workstation.import', name: basename(folder) }, words, deps, options)
  return { ...report, files }
}

/** Everything that the stores below a folder hold, and how many of them were read. */
export async function findStored(folder: string, signal?: AbortSignal): Promise<{ found: Found[]; files: number }> {
  const root = resolve(folder)
  const named = (path: string) => `${basename(root)}/${path}`
  const wanted = {
    file: (path: string) => storeAt(named(path)) !== undefined,
    folder: (path: string) => isStoreFolder(named(path)),
  }
  const sshHosts = openSshHosts(root)
  const found: Found[] = []
  let files = 0
  for (const file of await walk(root, wanted, signal)) {
    if (signal?.aborted === true) break
    const store = storeAt(named(file.path))
    if (file.reason !== undefined || store === undefined) {
      found.push(asideOf(file, store))
      continue
    }
    const stored = await readFound(root, file.path, store)
    files++
    for (const each of stored)
      found.push(...(store.name === 'ssh-key' ? atHosts(store.name, each, await sshHosts(file.path)) : [each]))
  }
  return { found, files }
}

async function readFound(root: string, path: string, store: Store): Promise<Found[]> {
  const file = await readStore(root, path)
  if ('reason' in file) return [aside({ file: path, detector: store.name }, file.reason, file.why)]
  const text = store.binary === true ? '' : textOf(file.bytes)
  if (text === undefined) {
    // Public keys and private ones are text; what else lies beside them is nobody's secret.
    return store.name === 'ssh-key' ? [] : [foundIn(store.name, path, notOne('text in UTF-8'))]
  }
  return foundInText(store, path, text)
}

/** What the text of a store holds. */
export async function foundInText(store: Store, path: string, text: string): Promise<Found[]> {
  return (await read(store, text, path)).map((stored) => foundIn(store.name, path, stored))
}

/** A parser of others may throw at what nobody foresaw, with the text in its message. */
async function read(store: Store, text: string, path: string): Promise<readonly Stored[]> {
  try {
    return await store.read(text, path)
  } catch {
    return [notOne(`a file of ${store.name}`)]
  }
}

function asideOf({ path, reason = 'unreadable', why }: WalkedFile, store: Store | undefined): Aside {
  return aside({ file: path, detector: store?.name ?? 'folder' }, reason, why)
}

/** The hosts of the configuration that lies beside a key, read once for each folder. */
function openSshHosts(root: string): (keyPath: string) => Promise<readonly SshHost[] | 'unread'> {
  const known = new Map<string, Promise<readonly SshHost[] | 'unread'>>()
  return (keyPath) => {
    const path = `${keyPath.slice(0, keyPath.lastIndexOf('/') + 1)}config`
    const hosts = known.get(path) ?? readHosts(root, path)
    known.set(path, hosts)
    return hosts
  }
}

/** None where there is no configuration; `unread` for one that is there, whatever the reason. */
async function readHosts(root: string, path: string): Promise<readonly SshHost[] | 'unread'> {
  const file = await readStore(root, path)
  if ('reason' in file) return file.isMissing === true ? [] : 'unread'
  const text = textOf(file.bytes)
  try {
    return text === undefined ? 'unread' : await readSshConfig({ file: path, text }, openIncluded(root, path))
  } catch {
    return 'unread'
  }
}
