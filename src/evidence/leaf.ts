import { hash } from 'node:crypto'

type Scalar = string | number | boolean | null

/** The facts of one leaf. Keys in any order; one level of nesting (`wire`). */
export type LeafFacts = Readonly<Record<string, Scalar | Readonly<Record<string, Scalar>>>>

/**
 * The digest under which a fact goes into the ledger: SHA-256, in hex, over its canonical JSON (RFC 8785: keys sorted by UTF-16 code
 * units, numbers and strings as ECMAScript prints them). The same facts always give the same digest.
 */
export function leafOf(facts: LeafFacts): string {
  return hash('sha256', canonicalJson(facts), 'hex')
}

/** RFC 8785 for facts of this shape. Facts whose keys come in order already, as the hot path's do, are printed as they are. */
export function canonicalJson(facts: LeafFacts): string {
  return JSON.stringify(sorted(facts))
}

function sorted(facts: LeafFacts): LeafFacts {
  if (isSorted(facts) && !holdsUnsorted(facts)) return facts
  return Object.fromEntries(
    Object.keys(facts)
      .toSorted()
      .flatMap((key): [string, LeafFacts[string]][] => {
        const value = facts[key]
        return value === undefined
          ? []
          : [[key, isNested(value) ? Object.fromEntries(Object.entries(value).toSorted(byKey)) : value]]
      }),
  )
}

function holdsUnsorted(facts: LeafFacts): boolean {
  for (const key in facts) {
    const value = facts[key]
    if (isNested(value) && !isSorted(value)) return true
  }
  return false
}

function isNested(value: LeafFacts[string] | undefined): value is Readonly<Record<string, Scalar>> {
  return typeof value === 'object' && value !== null
}

/** Compares as RFC 8785 does, by UTF-16 code units: JavaScript's own order of strings. */
function isSorted(facts: object): boolean {
  let before = ''
  for (const key in facts) {
    if (before > key) return false
    before = key
  }
  return true
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1
}
