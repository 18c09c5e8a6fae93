import { RevenantError, toError } from '../../domain/error.ts'
import { plainText } from './plain-text.ts'

/** The files of a bundle, a folder or a ZIP, as they are: nothing is unpacked. */
export interface BundleSource {
  /** Size by path, with forward slashes. */
  readonly files: ReadonlyMap<string, number>
  /** Throws `EVIDENCE_INVALID` while it is read where a ZIP's data are broken. */
  open(path: string): Promise<AsyncIterable<Uint8Array>>
  close(): Promise<void>
}

/** A ZIP as some library reads it. */
export interface Archive<Entry> {
  entries(): AsyncIterable<Entry>
  /** What the directory of the ZIP says of an entry. */
  factsOf(entry: Entry): { name: string; size: number; packedSize: number; isEncrypted: boolean }
  /** Throws, also in the middle, where the data cannot be unpacked or are not as long as the directory says. */
  read(entry: Entry): Promise<AsyncIterable<Uint8Array>>
  close(): Promise<void>
}

/** More files than any bundle of ours has, by far. */
export const MAX_FILES = 5_000_000
/** Deflate cannot do better than 1032 to 1; what claims to is made to fill a disk. */
const MAX_RATIO = 1_032

/** The bundle in a ZIP, whoever reads it. Throws `EVIDENCE_INVALID` for paths that lead out, and for sizes and names that cannot be. */
export async function openArchive<Entry>(archive: Archive<Entry>): Promise<BundleSource> {
  try {
    const entries = await readEntries(archive)
    return {
      files: new Map([...entries].map(([name, entry]) => [name, archive.factsOf(entry).size])),
      open: async (name) => {
        const entry = entries.get(name)
        if (entry === undefined) throw unusable(`${name} is missing`)
        return unpacked(name, archive.read(entry))
      },
      close: () => archive.close(),
    }
  } catch (error) {
    await archive.close()
    throw error instanceof RevenantError ? error : unusable(`the list of files of the ZIP is broken: ${toError(error).message}`)
  }
}

async function readEntries<Entry>(archive: Archive<Entry>): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>()
  for await (const entry of archive.entries()) {
    const { name, size, packedSize, isEncrypted } = archive.factsOf(entry)
    if (name.endsWith('/')) continue
    const called = name.slice(0, 200)
    if (/^(?:\/|[A-Za-z]:)|\\|(?:^|\/)\.\.(?:\/|$)/.test(name)) throw unusable(`the path ${called} leads out of it`)
    if (entries.has(name)) throw unusable(`the ZIP has two files ${called}`)
    if (isEncrypted) throw unusable(`${called} is encrypted`)
    if (size > packedSize * MAX_RATIO + MAX_RATIO)
      throw unusable(`${called} claims ${size} bytes packed into ${packedSize}: that cannot be`)
    entries.set(name, entry)
    if (entries.size > MAX_FILES) throw unusable(`it has more than ${MAX_FILES} files`)
  }
  return entries
}

/** A ZIP has checks of its own, which fail at the beginning or in the middle of a file. */
async function* unpacked(name: string, reading: Promise<AsyncIterable<Uint8Array>>): AsyncIterable<Uint8Array> {
  try {
    yield* await reading
  } catch (error) {
    throw unusable(`${name} cannot be unpacked: ${toError(error).message}`)
  }
}

export function unusable(why: string): RevenantError {
  return new RevenantError('EVIDENCE_INVALID', `this bundle cannot be used: ${plainText(why)}`)
}
