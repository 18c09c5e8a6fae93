import { open } from 'node:fs/promises'
import { errnoWords } from '../../domain/errno.ts'
import { errorCode, RevenantError } from '../../domain/error.ts'
import type { Anchor } from './anchor.ts'

/** Appends checkpoints to a file, each signed note followed by a blank line. */
export function fileAnchor({ path }: { path: string }): Anchor {
  return async ({ note }) => {
    try {
      const file = await open(path, 'a', 0o644)
      try {
        await file.appendFile(`${note}\n`)
        await file.sync()
      } finally {
        await file.close()
      }
    } catch (error) {
      throw new RevenantError(
        'SINK_UNREACHABLE',
        `${path} cannot be written (${errnoWords(error) ?? errorCode(error) ?? 'unknown error'})`,
      )
    }
    return {}
  }
}
