import { createReadStream } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openPromise } from 'yauzl'
import { errnoWords } from '../../domain/errno.ts'
import { errorCode, RevenantError, toError } from '../../domain/error.ts'
import { type BundleSource, MAX_FILES, openArchive, unusable } from './source.ts'

/** Opens a bundle. Throws `EVIDENCE_INVALID` for what is none: unreadable, links, paths that lead out, sizes that cannot be. */
export async function openBundle(path: string): Promise<BundleSource> {
  try {
    const found = await lstat(path)
    if (found.isDirectory()) return await openFolder(path)
    if (found.isFile()) return await openZip(path)
  } catch (error) {
    if (error instanceof RevenantError) throw error
    throw unusable(`${path} cannot be read: ${errnoWords(error) ?? toError(error).message}`)
  }
  throw unusable(`${path} is neither a folder nor a ZIP file`)
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

async function openZip(path: string): Promise<BundleSource> {
  // Strict names: yauzl itself refuses absolute paths, `..` and backslashes.
  const zip = await openPromise(path, {
    strictFileNames: true,
    validateEntrySizes: true,
    lazyEntries: true,
    autoClose: false,
  }).catch((error: unknown) => {
    throw unusable(`${path} is no ZIP file that can be read: ${errorCode(error) ?? toError(error).message}`)
  })
  return openArchive({
    entries: () => zip.eachEntry(),
    factsOf: (entry) => ({
      name: entry.fileName,
      size: entry.uncompressedSize,
      packedSize: entry.compressedSize,
      isEncrypted: (entry.generalPurposeBitFlag & 1) === 1,
    }),
    read: (entry) => zip.openReadStreamPromise(entry),
    close: async () => zip.close(),
  })
}
