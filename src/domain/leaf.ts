import { hash } from 'node:crypto'

/** What facts are made of: JSON. */
export type Fact = string | number | boolean | null | readonly Fact[] | Facts
export interface Facts {
  readonly [name: string]: Fact
}

/**
 * The digest under which facts go into the ledger: SHA-256, in hex, over their canonical JSON. The same facts always give the same
 * digest, whoever computes it.
 */
export function leafOf(facts: Facts): string {
  return hash('sha256', canonicalJson(facts), 'hex')
}

/**
 * RFC 8785: keys sorted by UTF-16 code units, numbers and strings as ECMAScript prints them. Facts whose keys come in order already,
 * as the hot path's do, are printed as they are.
 */
export function canonicalJson(facts: Fact): string {
  return isOrdered(facts) ? JSON.stringify(facts) : ordered(facts)
}

function ordered(value: Fact): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isList(value)) return `[${value.map(ordered).join(',')}]`
  // Put together by hand: an object would put keys that look like numbers first.
  const members = Object.keys(value)
    .toSorted()
    .flatMap((key) => {
      const member = value[key]
      return member === undefined ? [] : [`${JSON.stringify(key)}:${ordered(member)}`]
    })
  return `{${members.join(',')}}`
}

function isOrdered(value: Fact): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (isList(value)) return value.every(isOrdered)
  let before = ''
  for (const key in value) {
    if (before > key) return false
    before = key
    const member = value[key]
    if (typeof member === 'object' && member !== null && !isOrdered(member)) return false
  }
  return true
}

/** Array.isArray does not narrow readonly arrays. */
function isList(value: readonly Fact[] | Facts): value is readonly Fact[] {
  return Array.isArray(value)
}
