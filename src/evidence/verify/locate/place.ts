import type { Stretch } from '../problems.ts'

/** The first byte of a file that is not what was signed. */
export interface Exact {
  /** From 0. */
  offset: number
  /** The byte that is there; null where the file ends. */
  found: number | null
  /** The byte that was signed; null where the file should have ended. */
  expected: number | null
}

/** Where the first false byte is: at one place, or somewhere in a stretch. */
export type Place = Exact | Stretch

export function isExact(place: Place | undefined): place is Exact {
  return place !== undefined && 'offset' in place
}

/** The first byte by which two texts part; undefined where they are the same. */
export function difference(found: Uint8Array, expected: Uint8Array): Exact | undefined {
  const both = Math.min(found.length, expected.length)
  let at = 0
  while (at < both && found[at] === expected[at]) at++
  if (at === found.length && at === expected.length) return undefined
  return { offset: at, found: found[at] ?? null, expected: expected[at] ?? null }
}

/** The same place, told from the beginning of the file that its bytes begin in at `from`. */
export function shifted(place: Exact | undefined, from: number): Exact | undefined {
  return place === undefined ? undefined : { ...place, offset: place.offset + from }
}

/** The narrower of two places. */
export function narrower(a: Place | undefined, b: Place | undefined): Place | undefined {
  if (a === undefined || b === undefined) return a ?? b
  if (isExact(a)) return a
  if (isExact(b)) return b
  return b.to - b.from < a.to - a.from ? b : a
}
