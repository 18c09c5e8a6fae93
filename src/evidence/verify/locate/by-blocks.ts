import { type Blocks, type OpenBlocks, openBlocks } from '../../bundle/blocks.ts'
import { MOST_WRONG_SYMBOLS } from '../../reed-solomon.ts'
import type { BundleSource } from '../source.ts'
import { foundFile, foundRange } from './found-file.ts'
import { difference, type Exact, type Place, shifted } from './place.ts'

/** Bytes that were put in or taken out are looked for up to here. */
const MOST_SHIFT = 4_096
/** Of a file, behind its first false block. */
const WINDOW_BYTES = 4 * 1024 * 1024

/**
 * Finds the first false byte of a file by the signed sums of its blocks. A false block that parts from the true one in a few bytes,
 * or into which bytes were put, is put right, checked by its digest, and compared; otherwise the block is the answer. Undefined where
 * nothing is false, or the sums are not of a file of `bytes`.
 */
export async function placeByBlocks(
  source: BundleSource,
  path: string,
  signed: { bytes: number; blocks: Blocks },
  isSpent: () => boolean,
): Promise<Place | undefined> {
  const blocks = openBlocks(signed.blocks, signed.bytes)
  if (blocks === undefined) return undefined
  const first = await firstFalseBlock(source, path, blocks, isSpent)
  if (first === undefined) return undefined
  const { index, size } = first
  const from = index * blocks.bytes
  if (index === blocks.count)
    return size > signed.bytes
      ? { offset: signed.bytes, found: (await foundRange(source, path, signed.bytes, 1))[0] ?? null, expected: null }
      : undefined
  const length = blocks.lengthOf(index)
  const window = await foundRange(source, path, from, length + WINDOW_BYTES)
  // Nothing is there any more: the file was cut off right here.
  if (window.length === 0) return { offset: from, found: null, expected: null }
  const exact = shifted(placeInBlock(blocks, index, window, (source.files.get(path) ?? 0) - signed.bytes, isSpent), from)
  return exact ?? { from, to: Math.min(from + length - 1, from + window.length) }
}

/** The first block that is not as signed, or as many as there are; and how long the file was found to be, as far as it was read. */
async function firstFalseBlock(
  source: BundleSource,
  path: string,
  blocks: OpenBlocks,
  isSpent: () => boolean,
): Promise<{ index: number; size: number } | undefined> {
  let rest: Uint8Array = new Uint8Array(0)
  let [index, size] = [0, 0]
  for await (const chunk of foundFile(source, path)) {
    if (isSpent()) return undefined
    size += chunk.length
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let from = 0
    for (; index < blocks.count; index++) {
      const end = from + blocks.lengthOf(index)
      if (end > bytes.length) break
      if (!blocks.isHeld(index, bytes.subarray(from, end))) return { index, size }
      from = end
    }
    if (index === blocks.count && from < bytes.length) return { index, size }
    rest = bytes.subarray(from)
  }
  return { index, size }
}

/** @param window what was found from the beginning of the block on */
function placeInBlock(
  blocks: OpenBlocks,
  index: number,
  window: Buffer,
  grown: number,
  isSpent: () => boolean,
): Exact | undefined {
  const length = blocks.lengthOf(index)
  const told = (block: Uint8Array | undefined) =>
    block === undefined ? undefined : partOf(window, block, index === blocks.count - 1)
  const changed = told(blocks.repair(index, padded(window, length)))
  if (changed !== undefined) return changed
  for (const shift of shiftsOf(blocks, index, window, grown)) {
    const candidate = (at: number) => unshifted(window, at, shift, length)
    // Bytes that were put in leave nothing to guess but the place.
    for (let at = 0; shift > 0 && at < length && !isSpent(); at++)
      if (blocks.isHeld(index, candidate(at))) return told(candidate(at))
    for (let at = 0; at < length && !isSpent(); at++) {
      const block = told(blocks.repair(index, candidate(at)))
      if (block !== undefined) return block
    }
  }
  return undefined
}

/** Behind the last block the file should end. */
function partOf(window: Buffer, block: Uint8Array, isLast: boolean): Exact | undefined {
  return difference(isLast ? window : window.subarray(0, block.length), block)
}

/** By how many bytes the file may have grown in this block: as much as in all, or so that a block after this one stands in its place. */
function* shiftsOf(blocks: OpenBlocks, index: number, window: Buffer, grown: number): Generator<number> {
  const isLikely = (shift: number) => shift !== 0 && shift >= -2 * MOST_WRONG_SYMBOLS && shift < window.length
  if (isLikely(grown)) yield grown
  for (let next = index + 1; next <= index + 2 && next < blocks.count; next++) {
    const at = (next - index) * blocks.bytes
    const length = blocks.lengthOf(next)
    for (let shift = -2 * MOST_WRONG_SYMBOLS; shift <= MOST_SHIFT; shift++)
      if (shift !== grown && isLikely(shift) && blocks.isHeld(next, window.subarray(at + shift, at + shift + length))) yield shift
  }
}

/** The block before `shift` bytes were put in at `at`, or, where fewer than none were, before they were taken out: zeros stand for them. */
function unshifted(window: Buffer, at: number, shift: number, length: number): Buffer {
  const gap = Buffer.alloc(Math.max(0, -shift))
  const behind = window.subarray(at + Math.max(0, shift))
  return padded(Buffer.concat([window.subarray(0, at), gap, behind.subarray(0, length)]), length)
}

function padded(bytes: Buffer, length: number): Buffer {
  return bytes.length >= length ? bytes.subarray(0, length) : Buffer.concat([bytes, Buffer.alloc(length - bytes.length)])
}
