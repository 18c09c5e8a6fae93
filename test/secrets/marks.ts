import { randomBytes } from 'node:crypto'

/** A secret that can be recognised wherever it turns up. */
export interface Mark {
  kind: string
  text: string
}

/** Where a fragment of a mark was found. */
export interface Leak {
  place: string
  kind: string
  form: string
  offset: number
  /** A few characters around it, the fragment itself masked. */
  context: string
}

export interface Marks {
  /** A new secret that no other kind has: `MARK-<kind>-<24 random letters and digits>`. */
  plant(kind: string): string
  /** One of letters and digits alone, 30 of them, for forms that take nothing else. */
  plantBare(kind: string): string
  /** A secret whose bytes are given by its form: a key, a private key. Every part of it is looked for. */
  plantBytes(kind: string, bytes: Buffer): void
  /** Looks for every planted secret, whole or in parts, in every spelling, in what one place holds. */
  search(place: string, content: Buffer | string): Leak[]
}

/** A needle spells this many characters of the secret, so that none is found by chance; every fragment of 12 holds a whole one. */
const WINDOW = 8
const STRIDE = 4
/** How many characters some spellings take for one of the secret's. */
const WIDTHS: Readonly<Record<string, number>> = { 'UTF-16': 2, hex: 2, HEX: 2, percent: 3 }
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

interface Needle {
  kind: string
  form: string
  bytes: Buffer
}

export function openMarks(): Marks {
  // Needles by their first four bytes, behind a bitmap of hashes: one pass over the content, whatever was planted.
  const bitmap = new Uint8Array(1 << 20)
  const byHead = new Map<number, Needle[]>()
  const add = (needle: Needle) => {
    const head = needle.bytes.readUInt32LE(0)
    bitmap[hash(head)] = 1
    byHead.set(head, [...(byHead.get(head) ?? []), needle])
  }
  const plantBytes = (kind: string, bytes: Buffer) => {
    for (const [form, spelt] of formsOf(bytes)) for (const part of windows(spelt, WIDTHS[form])) add({ kind, form, bytes: part })
  }
  const plantBare = (kind: string, length: number) => {
    const random = [...randomBytes(length)].map((byte) => LETTERS[byte % LETTERS.length]).join('')
    plantBytes(kind, Buffer.from(random))
    return random
  }
  return {
    plant: (kind) => `MARK-${kind.replaceAll(/[^A-Za-z0-9]+/g, '-')}-${plantBare(kind, 24)}`,
    plantBare: (kind) => plantBare(kind, 30),
    plantBytes,
    search: (place, content) => {
      const buffer = typeof content === 'string' ? Buffer.from(content) : content
      const leaks = new Map<string, Leak>()
      for (let at = 0; at + WINDOW <= buffer.length; at++) {
        const head = readHead(buffer, at)
        if (bitmap[hash(head)] !== 1) continue
        for (const { kind, form, bytes } of byHead.get(head) ?? []) {
          if (!buffer.subarray(at, at + bytes.length).equals(bytes)) continue
          const key = `${kind} ${form}`
          if (!leaks.has(key)) leaks.set(key, { place, kind, form, offset: at, context: contextOf(buffer, at, bytes.length) })
        }
      }
      return [...leaks.values()]
    },
  }
}

function readHead(buffer: Buffer, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [buffer[at], buffer[at + 1], buffer[at + 2], buffer[at + 3]]
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0
}

function hash(head: number): number {
  return Math.imul(head, 0x9e37_79b1) >>> 12
}

/** Every spelling of some bytes. Letters and digits are the same escaped for JSON, shells and SQL. */
function* formsOf(bytes: Buffer): Generator<[form: string, spelt: Buffer]> {
  yield ['clear', bytes]
  yield ['UTF-16', Buffer.from(bytes.toString('latin1'), 'utf16le')]
  yield ['hex', Buffer.from(bytes.toString('hex'))]
  yield ['HEX', Buffer.from(bytes.toString('hex').toUpperCase())]
  yield ['percent', Buffer.from([...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join(''))]
  yield ['reversed', Buffer.from(bytes).reverse()]
  // Base64 of a text that holds these bytes somewhere: three alignments, without the characters that neighbours share.
  for (const shift of [0, 1, 2]) {
    const inner = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4)
    yield ['base64', Buffer.from(inner)]
    const url = inner.replaceAll('+', '-').replaceAll('/', '_')
    if (url !== inner) yield ['base64url', Buffer.from(url)]
  }
}

function* windows(bytes: Buffer, width = 1): Generator<Buffer> {
  for (let at = 0; at + WINDOW * width <= bytes.length; at += STRIDE * width) {
    const part = bytes.subarray(at, at + WINDOW * width)
    // Filling says nothing: a run of one byte is everywhere.
    if (new Set(part).size > 3) yield part
  }
}

function contextOf(buffer: Buffer, at: number, length: number): string {
  const printable = (part: Buffer) => part.toString('latin1').replaceAll(/[^\x20-\x7e]/g, '.')
  // Letters and digits around it may be more of the secret.
  const mask = (text: string) => text.replaceAll(/[A-Za-z0-9+/=_-]{12,}/g, '*')
  const before = mask(printable(buffer.subarray(Math.max(0, at - 60), at)))
  return `${before}****${mask(printable(buffer.subarray(at + length, at + length + 30)))}`
}
