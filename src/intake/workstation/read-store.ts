import { constants } from 'node:fs'
import { type FileHandle, open, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode } from '../../domain/error.ts'
import type { AsideReason } from '../found/candidate.ts'

/** No credential store is larger; a key ring or a log that bears its name may be. */
export const MAX_STORE_BYTES = 1024 * 1024

/** Windows has neither flag. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

/**
 * Reads one file of a workstation, or tells why not. Symbolic links are not followed, pipes and devices not read: whoever left the
 * folder behind may have put anything there.
 */
export async function readStore(
  folder: string,
  file: string,
): Promise<{ bytes: Buffer } | { reason: AsideReason; why?: string; isMissing?: true }> {
  let handle: FileHandle
  try {
    const inside = dirname(file)
    // O_NOFOLLOW speaks of the last part of a path alone.
    if ((await realpath(join(folder, inside))) !== join(await realpath(folder), inside)) return { reason: 'not_followed' }
    handle = await open(join(folder, file), FLAGS)
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (code === 'ELOOP' || code === 'EMLINK') return { reason: 'not_followed' }
    if (code === 'ENOENT') return { reason: 'unreadable', why: 'cannot be read (ENOENT)', isMissing: true }
    return code === 'ENXIO' ? { reason: 'not_regular' } : { reason: 'unreadable', why: `cannot be read (${code})` }
  }
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) return { reason: 'not_regular' }
    if (stat.size > MAX_STORE_BYTES) return { reason: 'too_large' }
    // A file that grows meanwhile is read as far as it may be long, and no further.
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(MAX_STORE_BYTES + 1), 0, MAX_STORE_BYTES + 1, 0)
    return bytesRead > MAX_STORE_BYTES ? { reason: 'too_large' } : { bytes: Buffer.from(buffer.subarray(0, bytesRead)) }
  } catch (error) {
    return { reason: 'unreadable', why: `cannot be read (${errorCode(error) ?? 'unknown error'})` }
  } finally {
    await handle.close()
  }
}

/** A store's text; undefined where its bytes are no UTF-8. A byte order mark is dropped. */
export function textOf(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
