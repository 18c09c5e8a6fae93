import { Readable } from 'node:stream'
import type { Columns } from '../../src/intake/columns.ts'
import { type RowOrFault, readRows } from '../../src/intake/rows.ts'
import type { Format, ImportSource } from '../../src/intake/source.ts'

/** A file that is not one: the bytes arrive in pieces of `size`. */
export function given(content: string | Buffer, format: Format = 'csv', size = 7, name = `given.${format}`): ImportSource {
  return { stream: pieces(content, size), name, format }
}

function pieces(content: string | Buffer, size: number): Readable {
  const bytes = Buffer.from(content)
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
  return Readable.from(chunks, { objectMode: false })
}

/** All rows and faults of a content. */
export async function rowsOf(
  columns: Columns,
  content: string | Buffer,
  format: Format = 'csv',
  size = 7,
): Promise<RowOrFault[]> {
  const source = { stream: pieces(content, size), format, label: 'test', totalBytes: undefined }
  const rows: RowOrFault[] = []
  for await (const batch of readRows(source, columns, { bytes: 0 })) rows.push(...batch)
  return rows
}
