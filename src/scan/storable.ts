import type { Wire } from '../domain/answer.ts'

/** Text that the database takes: a system must not keep a whole page from being recorded by what it calls somebody. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}

/** Facts that the database takes, in the order of their names, in which the ledger digests them. */
export function storableWire(wire: Wire): Wire {
  let before = ''
  let fit = true
  for (const name in wire) {
    const fact = wire[name]
    if (before > name || (typeof fact === 'string' && !isStorable(fact))) fit = false
    before = name
  }
  if (fit) return wire
  return Object.fromEntries(
    Object.entries(wire)
      .map(([name, fact]) => [name, typeof fact === 'string' ? storable(fact) : fact] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}
