import { readFile } from 'node:fs/promises'
import { errnoWords } from '../domain/errno.ts'
import { errorCode, RevenantError } from '../domain/error.ts'
import { readDocument } from './document.ts'
import { isRecord } from './explain.ts'
import { fileSchema } from './schema.ts'

/** Where a configuration says that the daemon listens. */
export interface Listen {
  host: string
  port: number
  tls: boolean
}

/**
 * Reads `listen`, and whether there is `access.tls`, and looks at nothing else: a file with a fault elsewhere keeps no running daemon
 * from being well. Throws `CONFIG_UNREADABLE`, and `CONFIG_INVALID` where it does not say where the daemon listens.
 */
export async function readListen(path: string): Promise<Listen> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new RevenantError(
      'CONFIG_UNREADABLE',
      `${path} cannot be read (${errnoWords(error) ?? errorCode(error) ?? 'unknown error'})`,
    )
  })
  const { value, faults } = readDocument(text)
  const file = isRecord(value) ? value : {}
  const listen = fileSchema.shape.listen.safeParse(file.listen).data
  if (faults.length > 0 || listen === undefined)
    throw new RevenantError('CONFIG_INVALID', `${path} does not tell where the daemon listens: see revenant config check`)
  return { ...listen, tls: isRecord(file.access) && file.access.tls !== undefined }
}
