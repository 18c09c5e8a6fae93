import { RevenantError } from '../../domain/error.ts'
import { openHasher } from '../crypto.ts'
import type { Stretch } from './problems.ts'
import type { BundleSource } from './source.ts'

/** Digests of the files that were read to their end, by path: every file is read once. */
export type Digests = Map<string, string>

/** A whole file. Throws `EVIDENCE_INVALID` for one above `limit` bytes. */
export async function readFile(source: BundleSource, path: string, limit: number, digests?: Digests): Promise<Buffer> {
  const size = source.files.get(path) ?? 0
  if (size > limit) throw new RevenantError('EVIDENCE_INVALID', `${path} has ${size} bytes, and ${limit} at most are read`)
  const chunks: Uint8Array[] = []
  let bytes = 0
  const digest = openHasher()
  for await (const chunk of await source.open(path)) {
    bytes += chunk.length
    if (bytes > limit) throw new RevenantError('EVIDENCE_INVALID', `${path} has more than ${limit} bytes`)
    digest.update(chunk)
    chunks.push(chunk)
  }
  digests?.set(path, digest.hex())
  return Buffer.concat(chunks)
}

/** Text of a file. Throws `EVIDENCE_INVALID` where it is not UTF-8. */
export async function readText(source: BundleSource, path: string, limit: number, digests?: Digests): Promise<string> {
  return textOf(await readFile(source, path, limit, digests), path)
}

export function textOf(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new RevenantError('EVIDENCE_INVALID', `${what} is not UTF-8`)
  }
}

/** The SHA-256 of a file, hex. */
export async function digestOf(source: BundleSource, path: string): Promise<string> {
  const digest = openHasher()
  for await (const chunk of await source.open(path)) digest.update(chunk)
  return digest.hex()
}

/** One line of a file, without its newline. */
export interface Line {
  bytes: Buffer
  /** From 1. */
  number: number
  /** Of its first byte. */
  offset: number
  /** False for a last line that no newline ends. */
  ended: boolean
}

/** From the first byte of a line to its newline. */
export function stretchOf({ offset, bytes, ended }: Line): Stretch {
  return { from: offset, to: Math.max(offset, offset + bytes.length - (ended ? 0 : 1)) }
}

/** No line of ours is near this. */
const MAX_LINE_BYTES = 4 * 1024 * 1024

/** The lines of a file, and its digest once the last one was taken. Throws `EVIDENCE_INVALID` for a line that is too long. */
export async function* readLines(source: BundleSource, path: string, digests: Digests): AsyncGenerator<Line> {
  const digest = openHasher()
  let rest: Buffer = Buffer.alloc(0)
  let [number, offset] = [1, 0]
  for await (const chunk of await source.open(path)) {
    digest.update(chunk)
    const bytes = rest.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : Buffer.concat([rest, chunk])
    let from = 0
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      yield { bytes: bytes.subarray(from, end), number: number++, offset: offset + from, ended: true }
      from = end + 1
    }
    rest = bytes.subarray(from)
    offset += from
    if (rest.length > MAX_LINE_BYTES)
      throw new RevenantError('EVIDENCE_INVALID', `line ${number} of ${path} has more than ${MAX_LINE_BYTES} bytes`)
  }
  if (rest.length > 0) yield { bytes: rest, number, offset, ended: false }
  digests.set(path, digest.hex())
}

const NEWLINE = 0x0a
