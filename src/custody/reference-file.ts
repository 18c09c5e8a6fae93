import { constants, open } from 'node:fs/promises'

/** The largest secret that a file may hold: a key with its certificate chain is far smaller. */
const MAX_BYTES = 65_536

/**
 * `file:/absolute/path`: a file's text without its last line break; undefined where it is no regular file or no UTF-8, or is
 * larger than 64 KiB. Throws what the file system throws.
 */
export async function readSecretFile(path: string): Promise<string | undefined> {
  // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!(await handle.stat()).isFile()) return undefined
    const bytes = Buffer.alloc(MAX_BYTES + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length)
      length += bytesRead
      if (bytesRead === 0 || length === bytes.length) break
    }
    return length > MAX_BYTES ? undefined : decode(bytes.subarray(0, length))
  } finally {
    await handle.close()
  }
}

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
  } catch {
    return undefined
  }
}
