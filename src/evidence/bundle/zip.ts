import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ZipFile } from 'yazl'

/** Packs files of a folder into one ZIP (ZIP64 where needed), streaming. The same files give the same bytes. */
export async function packZip(
  folder: string,
  paths: readonly string[],
  zipPath: string,
  madeAt: Temporal.Instant,
): Promise<void> {
  const zip = new ZipFile()
  const mtime = new Date(madeAt.epochMilliseconds)
  const packed = pipeline(zip.outputStream, createWriteStream(zipPath, { flags: 'wx', mode: 0o600 }))
  const failed = new Promise<never>((_resolve, reject) => zip.on('error', reject))
  for (const path of paths) zip.addFile(join(folder, path), path, { mtime, mode: 0o100600, forceDosTimestamp: true })
  zip.end()
  await Promise.race([packed, failed])
}
