import { z } from 'zod'
import { decodeBase64, encodeBase64 } from '../base64.ts'
import { sha256 } from '../crypto.ts'
import { MOST_BLOCK_BYTES, repairBlock, SUM_BYTES, sumsOf } from '../reed-solomon.ts'

/** By which the first false block of a file is told, and a block that was changed in a few bytes is put right. */
export const blocksSchema = z.strictObject({
  /** Bytes of each block; the last one may be shorter. */
  bytes: z.int().positive().max(MOST_BLOCK_BYTES),
  /** Base64 of 40 bytes for each block: the first 8 of its SHA-256, then the 32 of `sumsOf`. */
  sums: z.string(),
})
export type Blocks = z.infer<typeof blocksSchema>

const DIGEST_BYTES = 8
const RECORD_BYTES = DIGEST_BYTES + SUM_BYTES

/** Small enough that a stretch of it can be looked at by eye. */
const LEAST_BLOCK_BYTES = 256

/** The smallest power of two by which a file has `most` blocks or fewer, as far as blocks go. */
export function blockBytesFor(bytes: number, most: number): number {
  let size = LEAST_BLOCK_BYTES
  while (size * most < bytes && 2 * size <= MOST_BLOCK_BYTES) size *= 2
  return size
}

/** @param chunks the file, in pieces of any size */
export async function blocksOf(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, blockBytes: number): Promise<Blocks> {
  const records: Uint8Array[] = []
  let rest: Uint8Array = new Uint8Array(0)
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let from = 0
    for (; from + blockBytes <= bytes.length; from += blockBytes) records.push(recordOf(bytes.subarray(from, from + blockBytes)))
    rest = bytes.subarray(from)
  }
  if (rest.length > 0) records.push(recordOf(rest))
  return { bytes: blockBytes, sums: encodeBase64(Buffer.concat(records)) }
}

function recordOf(block: Uint8Array): Uint8Array {
  return Buffer.concat([digestOf(block), sumsOf(block)])
}

function digestOf(block: Uint8Array): Uint8Array {
  return sha256(block).subarray(0, DIGEST_BYTES)
}

/** The blocks of one file, to hold bytes against. */
export interface OpenBlocks {
  count: number
  bytes: number
  /** The length of a block: the last one is what is left. */
  lengthOf(index: number): number
  isHeld(index: number, block: Uint8Array): boolean
  /** The true block, when `block` parts from it in a few bytes; undefined otherwise. Length as it should be. */
  repair(index: number, block: Uint8Array): Uint8Array | undefined
}

/** @param fileBytes how long the file is. Undefined where the sums are not those of so long a file */
export function openBlocks({ bytes, sums }: Blocks, fileBytes: number): OpenBlocks | undefined {
  const records = decodeBase64(sums)
  const count = Math.ceil(fileBytes / bytes)
  if (records?.length !== count * RECORD_BYTES) return undefined
  const recordAt = (index: number) => records.subarray(index * RECORD_BYTES, (index + 1) * RECORD_BYTES)
  const isHeld = (index: number, block: Uint8Array) =>
    Buffer.compare(digestOf(block), recordAt(index).subarray(0, DIGEST_BYTES)) === 0
  return {
    count,
    bytes,
    lengthOf: (index) => Math.min(bytes, fileBytes - index * bytes),
    isHeld,
    repair: (index, block) => {
      const repaired = repairBlock(block, recordAt(index).subarray(DIGEST_BYTES))
      return repaired !== undefined && isHeld(index, repaired) ? repaired : undefined
    },
  }
}
