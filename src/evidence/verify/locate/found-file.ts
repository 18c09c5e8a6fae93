import { RevenantError } from '../../../domain/error.ts'
import type { BundleSource } from '../source.ts'
import { difference, type Exact, shifted } from './place.ts'

/** The bytes of a file as far as they can be read: a ZIP whose data are broken ends there. */
export async function* foundFile(source: BundleSource, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* await source.open(path)
  } catch (error) {
    if (!(error instanceof RevenantError) || error.code !== 'EVIDENCE_INVALID') throw error
  }
}

/** Bytes from `from` on, `length` of them or as many as there are. */
export async function foundRange(source: BundleSource, path: string, from: number, length: number): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let at = 0
  for await (const chunk of foundFile(source, path)) {
    const piece = chunk.subarray(Math.max(0, from - at), Math.max(0, from + length - at))
    if (piece.length > 0) pieces.push(piece)
    at += chunk.length
    if (at >= from + length) break
  }
  return Buffer.concat(pieces)
}

/** The number of the line that holds a byte, from 1. */
export async function lineOf(source: BundleSource, path: string, offset: number): Promise<number> {
  let [at, line] = [0, 1]
  for await (const chunk of foundFile(source, path)) {
    const before = Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, offset - at))
    for (let end = before.indexOf(0x0a); end >= 0; end = before.indexOf(0x0a, end + 1)) line++
    at += chunk.length
    if (at >= offset) break
  }
  return line
}

/** The first byte by which what was found parts from what was expected. Undefined where it does not, or `isSpent` in the middle. */
export async function streamDifference(
  found: AsyncIterable<Uint8Array>,
  expected: AsyncIterable<Uint8Array>,
  isSpent: () => boolean,
): Promise<Exact | undefined> {
  const [left, right] = [found[Symbol.asyncIterator](), expected[Symbol.asyncIterator]()]
  let [a, b]: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)]
  let at = 0
  try {
    while (!isSpent()) {
      if (a.length === 0) a = await nextOf(left)
      if (b.length === 0) b = await nextOf(right)
      const both = Math.min(a.length, b.length)
      const first = shifted(difference(both === 0 ? a : a.subarray(0, both), both === 0 ? b : b.subarray(0, both)), at)
      if (first !== undefined || both === 0) return first
      ;[a, b] = [a.subarray(both), b.subarray(both)]
      at += both
    }
    return undefined
  } finally {
    await left.return?.()
    await right.return?.()
  }
}

/** The next piece that is not empty; empty at the end. */
async function nextOf(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  for (;;) {
    const { done, value } = await pieces.next()
    if (done === true) return new Uint8Array(0)
    if (value.length > 0) return value
  }
}
