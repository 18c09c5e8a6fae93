import type { Wire } from '../domain/answer.ts'

/** Text that the database takes: a system must not keep a whole page from being recorded by what it calls somebody. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}

export function storableWire(wire: Wire): Wire {
  const odd = Object.values(wire).some((fact) => typeof fact === 'string' && storable(fact) !== fact)
  if (!odd) return wire
  return Object.fromEntries(Object.entries(wire).map(([name, fact]) => [name, typeof fact === 'string' ? storable(fact) : fact]))
}
