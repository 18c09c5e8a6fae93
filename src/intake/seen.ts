import { hash } from 'node:crypto'

/** Remembers what was in a file, to find what is there twice: 12 to 48 bytes an entry, however long the key. */
export interface Seen {
  /** Remembers a key; the line it was first seen on where it is not new. */
  add(key: string, line: number): number | undefined
  has(key: string): boolean
}

const FIRST_SLOTS = 1024

/**
 * An open-addressed table of 64-bit digests: for a million keys the chance that any two are confused is 1 in 37 million, and a set
 * of the keys themselves would take some ten times the memory.
 */
export function openSeen(): Seen {
  let slots = FIRST_SLOTS
  let table = new Uint32Array(slots * 3)
  let used = 0

  const slotOf = (high: number, low: number): number => {
    let slot = low & (slots - 1)
    // Line 0 marks an empty slot.
    while (table[slot * 3 + 2] !== 0 && (table[slot * 3] !== high || table[slot * 3 + 1] !== low)) slot = (slot + 1) & (slots - 1)
    return slot * 3
  }
  const grow = () => {
    const before = table
    slots *= 2
    table = new Uint32Array(slots * 3)
    for (let at = 0; at < before.length; at += 3) {
      if (before[at + 2] !== 0) table.set(before.subarray(at, at + 3), slotOf(before[at] ?? 0, before[at + 1] ?? 0))
    }
  }
  const find = (key: string) => {
    const digest = hash('sha256', key, 'buffer')
    const high = digest.readUInt32LE(0)
    const low = digest.readUInt32LE(4)
    return { high, low, at: slotOf(high, low) }
  }
  return {
    has: (key) => table[find(key).at + 2] !== 0,
    add: (key, line) => {
      const { high, low, at } = find(key)
      const first = table[at + 2]
      if (first !== undefined && first !== 0) return first
      table[at] = high
      table[at + 1] = low
      table[at + 2] = line
      if (++used * 2 > slots) grow()
      return undefined
    },
  }
}
