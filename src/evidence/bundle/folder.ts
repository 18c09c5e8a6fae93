import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Blocks, blocksOf } from './blocks.ts'
import { blockBytesOf } from './format.ts'

/** One written file, as the manifest lists it. */
export interface WrittenFile {
  path: string
  bytes: number
  sha256: string
  blocks?: Blocks
}

/** A file that is written piece by piece. */
export interface FileWriter {
  /** Resolves once the piece is taken: whoever waits for it never piles up more than a buffer. */
  write(piece: string | Uint8Array): Promise<void>
  close(): Promise<void>
}

/** A folder that remembers what was written into it. */
export interface BundleFolder {
  create(path: string): Promise<FileWriter>
  /** Writes a whole file. */
  put(path: string, content: string | Uint8Array): Promise<void>
  /** In the order of their paths. */
  written(): WrittenFile[]
  /** Closes what a failure left open. */
  abandon(): Promise<void>
}

/** Text is gathered up to this many characters: a row at a time would cost a system call each. */
const GATHERED = 64 * 1024

/** @param folder exists and is empty */
export function openBundleFolder(folder: string): BundleFolder {
  const written: WrittenFile[] = []
  const made = new Set<string>([''])
  const opened = new Set<FileHandle>()
  const create = async (path: string, whole?: Uint8Array): Promise<FileWriter> => {
    const parent = dirname(path)
    if (!made.has(parent)) {
      await mkdir(join(folder, parent), { recursive: true })
      made.add(parent)
    }
    const handle = await open(join(folder, path), 'wx', 0o600)
    opened.add(handle)
    const digest = createHash('sha256')
    let [gathered, bytes] = ['', 0]
    const flush = async (piece: Uint8Array) => {
      digest.update(piece)
      bytes += piece.length
      for (let at = 0; at < piece.length; ) at += (await handle.write(piece, at)).bytesWritten
    }
    const flushGathered = async () => {
      const piece = Buffer.from(gathered)
      gathered = ''
      await flush(piece)
    }
    return {
      write: async (piece) => {
        if (typeof piece === 'string') {
          gathered += piece
          if (gathered.length >= GATHERED) await flushGathered()
          return
        }
        await flushGathered()
        await flush(piece)
      },
      close: async () => {
        await flushGathered()
        opened.delete(handle)
        await handle.close()
        // How long its blocks are depends on how long it is, which is known only now.
        const blockBytes = blockBytesOf(path, bytes)
        const again = () => (whole === undefined ? createReadStream(join(folder, path)) : [whole])
        const blocks = blockBytes === undefined ? {} : { blocks: await blocksOf(again(), blockBytes) }
        written.push({ path, bytes, sha256: digest.digest('hex'), ...blocks })
      },
    }
  }
  return {
    create: (path) => create(path),
    put: async (path, content) => {
      const file = await create(path, typeof content === 'string' ? Buffer.from(content) : content)
      await file.write(content)
      await file.close()
    },
    written: () => written.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    abandon: async () => {
      for (const handle of opened) await handle.close()
      opened.clear()
    },
  }
}
