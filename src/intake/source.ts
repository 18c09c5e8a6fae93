import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import type { Readable } from 'node:stream'
import { errnoWords } from '../domain/errno.ts'
import { errorCode, RevenantError } from '../domain/error.ts'

export const FORMATS = ['csv', 'jsonl'] as const
export type Format = (typeof FORMATS)[number]

/** A file, whose extension tells its format unless one is given, or anything that can be read. */
export type ImportSource = { path: string; format?: Format } | { stream: Readable; name: string; format: Format }

export interface OpenSource {
  stream: Readable
  format: Format
  /** `csv:leavers.csv`: what is recorded as the origin of what was read. */
  label: string
  totalBytes: number | undefined
}

export const EXTENSIONS: Readonly<Record<string, Format>> = { '.csv': 'csv', '.jsonl': 'jsonl', '.ndjson': 'jsonl' }

const SHEETS = /\.(?:xlsx?|ods|numbers)$/i

/** Opens what is to be imported. Throws `INPUT_INVALID` for a file that cannot be read or whose format nobody told. */
export async function openSource(source: ImportSource): Promise<OpenSource> {
  if ('stream' in source) {
    const label = `${source.format}:${source.name}`
    return { stream: source.stream, format: source.format, label, totalBytes: undefined }
  }
  const format = source.format ?? EXTENSIONS[extname(source.path).toLowerCase()]
  if (format === undefined) {
    throw new RevenantError(
      'INPUT_INVALID',
      `${source.path}: ${SHEETS.test(source.path) ? 'save the sheet as CSV (UTF-8)' : 'say --format csv or --format jsonl, or name it .csv, .jsonl or .ndjson'}`,
    )
  }
  try {
    const handle = await open(source.path, 'r')
    const stat = await handle.stat()
    if (stat.isDirectory()) {
      await handle.close()
      throw new RevenantError('INPUT_INVALID', `${source.path} is a directory`)
    }
    const stream = createReadStream(source.path, { fd: handle, highWaterMark: 64 * 1024 })
    const label = `${format}:${basename(source.path)}`
    return { stream, format, label, totalBytes: stat.isFile() ? stat.size : undefined }
  } catch (error) {
    if (error instanceof RevenantError) throw error
    throw new RevenantError(
      'INPUT_INVALID',
      `${source.path} cannot be read (${errnoWords(error) ?? errorCode(error) ?? 'unknown error'})`,
    )
  }
}
