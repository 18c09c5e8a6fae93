import { createReadStream } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { type Entry, openPromise, type ZipFile } from 'yauzl'
import { errnoWords } from '../../domain/errno.ts'
import { errorCode, RevenantError, toError } from '../../domain/error.ts'

/** The files of a bundle, a folder or a ZIP, as they are: nothing is unpacked. */
export interface BundleSource {
  /** Size by path, with forward slashes. */
  readonly files: ReadonlyMap<string, number>
  /** Throws `EVIDENCE_INVALID` while it is read where a ZIP's data are broken. */
  open(path: string): Promise<AsyncIterable<Uint8Array>>
  close(): Promise<void>
}

/** More files than any bundle of ours has, by far. */
const MAX_FILES = 5_000_000
/** Deflate cannot do better than 1032 to 1; what claims to is made to fill a disk. */
const MAX_RATIO = 1_032

/**
 * Opens a bundle. Throws `EVIDENCE_INVALID` for what is none: unreadable, links, paths that lead out, sizes that cannot be.
 *
 * @param called what errors call it
 */
export async function openBundle(path: string, called = path): Promise<BundleSource> {
  try {
    const found = await lstat(path)
    if (found.isDirectory()) return await openFolder(path)
    if (found.isFile()) return await openZip(path, called)
  } catch (error) {
    if (error instanceof RevenantError) throw error
    throw unusable(`${called} cannot be read: ${errnoWords(error) ?? toError(error).message}`)
  }
  throw unusable(`${called} is neither a folder nor a ZIP file`)
}

async function openFolder(root: string): Promise<BundleSource> {
  const files = new Map<string, number>()
  const walk = async (under: string): Promise<void> => {
    for (const entry of await readdir(join(root, under), { withFileTypes: true })) {
      const path = under === '' ? entry.name : `${under}/${entry.name}`
      if (entry.isDirectory()) await walk(path)
      else if (entry.isFile()) files.set(path, (await lstat(join(root, path))).size)
      else throw unusable(`${path} is no plain file: a bundle holds no links and no devices`)
      if (files.size > MAX_FILES) throw unusable(`it has more than ${MAX_FILES} files`)
    }
  }
  await walk('')
  return {
    files,
    open: async (path) => {
      if (!files.has(path)) throw unusable(`${path} is missing`)
      return createReadStream(join(root, path))
    },
    close: async () => {},
  }
}

async function openZip(path: string, called: string): Promise<BundleSource> {
  // Strict names: yauzl itself refuses absolute paths, `..` and backslashes.
  const zip = await openPromise(path, {
    strictFileNames: true,
    validateEntrySizes: true,
    lazyEntries: true,
    autoClose: false,
  }).catch((error: unknown) => {
    throw unusable(`${called} is no ZIP file that can be read: ${errorCode(error) ?? toError(error).message}`)
  })
  try {
    const entries = await readEntries(zip)
    return {
      files: new Map([...entries].map(([name, entry]) => [name, entry.uncompressedSize])),
      open: async (name) => {
        const entry = entries.get(name)
        if (entry === undefined) throw unusable(`${name} is missing`)
        return guarded(name, await openEntry(zip, name, entry))
      },
      close: async () => zip.close(),
    }
  } catch (error) {
    zip.close()
    throw error instanceof RevenantError ? error : unusable(`the list of files of the ZIP is broken: ${toError(error).message}`)
  }
}

async function readEntries(zip: ZipFile): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>()
  for await (const entry of zip.eachEntry()) {
    const name = entry.fileName
    if (name.endsWith('/')) continue
    if (entries.has(name)) throw unusable(`the ZIP has two files ${name.slice(0, 200)}`)
    if ((entry.generalPurposeBitFlag & 1) === 1) throw unusable(`${name.slice(0, 200)} is encrypted`)
    if (entry.uncompressedSize > entry.compressedSize * MAX_RATIO + MAX_RATIO)
      throw unusable(
        `${name.slice(0, 200)} claims ${entry.uncompressedSize} bytes packed into ${entry.compressedSize}: that cannot be`,
      )
    entries.set(name, entry)
    if (entries.size > MAX_FILES) throw unusable(`it has more than ${MAX_FILES} files`)
  }
  return entries
}

async function openEntry(zip: ZipFile, name: string, entry: Entry): Promise<Readable> {
  try {
    return await zip.openReadStreamPromise(entry)
  } catch (error) {
    throw unusable(`${name} cannot be unpacked: ${toError(error).message}`)
  }
}

/** A ZIP has checks of its own, which fail in the middle of a file. */
async function* guarded(name: string, stream: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    yield* stream
  } catch (error) {
    throw unusable(`${name} cannot be unpacked: ${toError(error).message}`)
  }
}

function unusable(why: string): RevenantError {
  return new RevenantError('EVIDENCE_INVALID', `this bundle cannot be used: ${why}`)
}
