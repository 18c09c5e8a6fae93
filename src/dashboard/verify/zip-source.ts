import { BlobReader, configure, type Entry, ZipReader } from '@zip.js/zip.js/lib/zip-core-custom.js'
import { toError } from '../../domain/error.ts'
import { type BundleSource, openArchive, unusable } from '../../evidence/verify/source.ts'

// No workers of its own: this runs in one. Some files are open at a time, and each counts as a worker none the less.
configure({ useWebWorkers: false, maxWorkers: 1_000 })

/**
 * The bundle in a ZIP that the browser holds: it is read where it lies, piece by piece. Throws `EVIDENCE_INVALID` for what is none.
 * Laxer than the library would be, and as lax as the command: what the files are is told by the signature, not by the ZIP.
 */
export async function openZip(blob: Blob): Promise<BundleSource> {
  const zip = new ZipReader(new BlobReader(blob), { strictness: 'tolerant' })
  return openArchive<Entry>({
    entries: () => zip.getEntriesGenerator(),
    factsOf: ({ filename, uncompressedSize, compressedSize, encrypted }) => ({
      name: filename,
      size: uncompressedSize,
      packedSize: compressedSize,
      isEncrypted: encrypted,
    }),
    read: async (entry) => {
      if (entry.directory) throw unusable('it is a folder')
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
      const given = new AbortController()
      const done = entry.getData(writable, { signal: given.signal }).then(
        () => undefined,
        async (error: unknown) => {
          // Where it failed before it began nobody has told those who read.
          if (!writable.locked) await writable.abort(error).catch(() => {})
          return toError(error)
        },
      )
      return pieces(readable, done, () => given.abort())
    },
    close: async () => {
      await zip.close()
    },
  })
}

/** What a stream holds, and then what became of it. Whoever leaves early frees it. Not every browser iterates over streams. */
async function* pieces(
  readable: ReadableStream<Uint8Array>,
  done: Promise<Error | undefined>,
  leave: () => void,
): AsyncGenerator<Uint8Array> {
  const reader = readable.getReader()
  let isOver = false
  try {
    for (;;) {
      const next = await reader.read()
      if (next.done) break
      yield next.value
    }
    isOver = true
  } finally {
    if (!isOver) {
      leave()
      await reader.cancel().catch(() => {})
    }
  }
  const error = await done
  if (error !== undefined) throw error
}
