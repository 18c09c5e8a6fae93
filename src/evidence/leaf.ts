import { hash } from 'node:crypto'

type Scalar = string | number | boolean | null

/** The facts of one leaf. Keys in any order; one level of nesting (`wire`). */
export type LeafFacts = Readonly<Record<string, Scalar | Readonly<Record<string, Scalar>>>>

/**
 * The digest under which a fact goes into the ledger: SHA-256, in hex, over its canonical JSON (RFC 8785: keys sorted by UTF-16 code
 * units, numbers and strings as ECMAScript prints them). The same facts always give the same digest.
 */
export function leafOf(facts: LeafFacts): string {
  return hash('sha256', canonical(facts), 'hex')
}

function canonical(facts: LeafFacts): string {
  const parts: string[] = []
  for (const key of Object.keys(facts).sort()) {
    const value = facts[key]
    if (value === undefined) continue
    parts.push(`${JSON.stringify(key)}:${typeof value === 'object' && value !== null ? canonical(value) : JSON.stringify(value)}`)
  }
  return `{${parts.join(',')}}`
}
