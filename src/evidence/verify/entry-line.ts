import type { Facts } from '../../domain/leaf.ts'
import { sha256 } from '../crypto.ts'
import { type Line, textOf } from './read.ts'

/** One line of entries, taken apart. */
export interface ReadLine {
  index: number
  id: string
  facts: Facts
  /** Hex, of the bytes of the facts as they stand there. */
  digest: string
}

const OPEN = Buffer.from('{"facts":')
const MIDDLE = Buffer.from(',"index":')

/** Takes a line apart without changing a byte of the facts. A string says what is wrong. */
export function readLine({ bytes, ended }: Pick<Line, 'bytes' | 'ended'>): ReadLine | string {
  const middle = bytes.lastIndexOf(MIDDLE)
  const tail = bytes.toString('latin1', middle + MIDDLE.length)
  if (!ended) return 'the line has no end: the file was cut off'
  if (middle < 0 || bytes.indexOf(OPEN) !== 0 || !/^(?:0|[1-9][0-9]{0,14})\}$/.test(tail))
    return 'the line is not {"facts":…,"index":N}'
  const canonical = bytes.subarray(OPEN.length, middle)
  try {
    const facts: unknown = JSON.parse(textOf(canonical, 'the line'))
    if (!isFacts(facts) || typeof facts.id !== 'string') return 'the facts are no JSON object with an id'
    const digest = Buffer.from(sha256(canonical)).toString('hex')
    return { index: Number(tail.slice(0, -1)), id: facts.id, facts, digest }
  } catch {
    return 'the facts are not JSON'
  }
}

function isFacts(value: unknown): value is Facts {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
