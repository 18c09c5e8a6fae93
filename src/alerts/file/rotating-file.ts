import { constants } from 'node:fs'
import { type FileHandle, open, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode } from '../../domain/error.ts'

export interface RotatingFile {
  /** Appends one line and returns when the disk has it. One at a time; throws what the file system says. */
  append(line: string, signal: AbortSignal): Promise<{ rotated: boolean }>
  close(): Promise<void>
}

export interface RotatingFileOptions {
  path: string
  /** A line that would make the file longer goes into a new one. */
  maxBytes: number
  /** Measured from when the file was made. */
  maxAgeMs: number
  /** How many old files stay: `path.1` is the newest. */
  keep: number
  now(): Temporal.Instant
}

/** Alerts hold names and mail addresses. A file that exists already keeps its mode. */
const MODE = 0o600
const APPEND = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT

/**
 * A file of lines that turns over by itself, and that others may turn over: a file that was moved away (logrotate) is made anew. Made
 * for one process: two that turn over the same file at once would lose old ones.
 */
export function rotatingFile(options: RotatingFileOptions): RotatingFile {
  let current: FileHandle | undefined
  let last: Promise<unknown> = Promise.resolve()

  async function append(line: string, signal: AbortSignal): Promise<{ rotated: boolean }> {
    signal.throwIfAborted()
    current = await sameFile(current, options.path)
    const bytes = Buffer.from(`${line}\n`)
    const rotated = await isDue(current, bytes.length, options)
    if (rotated) {
      const full = current
      current = undefined
      await full.close()
      await turnOver(options)
      current = await openFile(options.path)
    }
    await write(current, bytes)
    return { rotated }
  }

  return {
    append(line, signal) {
      const mine = last.then(() => append(line, signal))
      last = mine.catch(() => undefined)
      return orAborted(mine, signal)
    },
    async close() {
      await last
      const open = current
      current = undefined
      await open?.close()
    },
  }
}

/** The handle, as long as it is still what the path leads to. */
async function sameFile(handle: FileHandle | undefined, path: string): Promise<FileHandle> {
  if (handle === undefined) return openFile(path)
  const [mine, named] = [await handle.stat(), await stat(path).catch(unlessMissing)]
  if (named !== undefined && named.ino === mine.ino && named.dev === mine.dev) return handle
  await handle.close()
  return openFile(path)
}

async function openFile(path: string): Promise<FileHandle> {
  const handle = await open(path, APPEND, MODE)
  const { size } = await handle
    .stat()
    .then((found) => {
      if (!found.isFile()) throw Object.assign(new Error('not a regular file'), { code: 'NOT_A_FILE' })
      return found
    })
    .catch(async (thrown: unknown) => {
      await handle.close()
      throw thrown
    })
  // The name of a new file is on disk only once its folder is.
  if (size === 0) await syncFolder(path)
  return handle
}

async function isDue(handle: FileHandle, bytes: number, { maxBytes, maxAgeMs, now }: RotatingFileOptions): Promise<boolean> {
  const { size, birthtimeMs } = await handle.stat()
  if (size === 0) return false
  return size + bytes > maxBytes || now().epochMilliseconds - birthtimeMs > maxAgeMs
}

/** `path` becomes `path.1`, `path.1` becomes `path.2`; what falls off the end is overwritten. */
async function turnOver({ path, keep }: RotatingFileOptions): Promise<void> {
  for (let number = keep - 1; number >= 1; number--) {
    await rename(`${path}.${number}`, `${path}.${number + 1}`).catch(unlessMissing)
  }
  await rename(path, `${path}.1`).catch(unlessMissing)
  await syncFolder(path)
}

/** Writes all or nothing: half a line, of a full disk or of a crash before this one, would swallow the next. */
async function write(handle: FileHandle, line: Buffer): Promise<void> {
  const { size } = await handle.stat()
  const bytes = (await endsInLine(handle, size)) ? line : Buffer.concat([Buffer.from('\n'), line])
  try {
    await handle.appendFile(bytes)
    await handle.sync()
  } catch (thrown) {
    await handle.truncate(size).catch(() => undefined)
    throw thrown
  }
}

async function endsInLine(handle: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return true
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer[0] === 0x0a
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function unlessMissing(thrown: unknown): undefined {
  if (errorCode(thrown) === 'ENOENT') return undefined
  throw thrown
}

/** A file system that hangs (NFS) must not hold up the caller; the write goes on by itself. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
