import type { Readable } from 'node:stream'

/** One line of a file, counted from 1, without its line feed; or why it cannot be read. */
export type Line = { number: number; text: string } | { number: number; text: undefined; fault: string }

export interface LineCounts {
  bytes: number
}

/** The longest line, in bytes: a secret with its key and certificate chain is far shorter, a file without line feeds is not. */
export const MAX_LINE_BYTES = 1024 * 1024
const LF = 10
const BOM = '\uFEFF'

/**
 * Splits a stream into lines, some at a time, in memory that does not grow with the file. A byte order mark is dropped. Bytes that
 * are no UTF-8 make a fault of their line: read as something else, a secret would be refused and look revoked.
 */
export async function* readLines(stream: Readable, counts: LineCounts, maxBytes = MAX_LINE_BYTES): AsyncGenerator<Line[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let number = 0
  let rest: Buffer[] = []
  let restBytes = 0
  const hold = (piece: Buffer) => {
    // Of a line that is too long only the length matters.
    if (restBytes <= maxBytes) rest.push(piece)
    restBytes += piece.length
  }
  const take = (): Line => {
    number++
    const line = restBytes > maxBytes ? tooLong(number, maxBytes) : decode(decoder, number, rest)
    rest = []
    restBytes = 0
    return line
  }
  for await (const chunk of stream) {
    const bytes = toBuffer(chunk)
    counts.bytes += bytes.length
    const lines: Line[] = []
    let from = 0
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, from)) {
      hold(bytes.subarray(from, at))
      lines.push(take())
      from = at + 1
    }
    if (from < bytes.length) hold(bytes.subarray(from))
    if (lines.length > 0) yield lines
  }
  if (restBytes > 0) yield [take()]
}

function decode(decoder: TextDecoder, number: number, pieces: readonly Buffer[]): Line {
  const [first] = pieces
  const bytes = pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces)
  try {
    const text = decoder.decode(bytes)
    return { number, text: number === 1 && text.startsWith(BOM) ? text.slice(1) : text }
  } catch {
    return { number, text: undefined, fault: 'holds bytes that are not UTF-8: save the file as UTF-8' }
  }
}

function tooLong(number: number, maxBytes: number): Line {
  return { number, text: undefined, fault: `is longer than ${maxBytes} bytes` }
}

function toBuffer(chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  return Buffer.from(String(chunk))
}
