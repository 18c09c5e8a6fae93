import { hash } from 'node:crypto'
import { canonicalJson } from '../canonical-json.ts'
import type { GrantKind, ListingFault, ListingOutcome } from '../grant.ts'
import type { Fact, Facts } from '../leaf.ts'
import { msOf } from './instant.ts'

/** A listing and all that its judgement rests on. The three lists are JSON as they are stored: a change of any member is one of the facts. */
export interface ListingFields {
  id: string
  system_id: string
  identity_id: string
  inventory: string
  at: Temporal.Instant
  outcome: ListingOutcome
  reason: ListingFault | null
  known: boolean | null
  listed: number
  parts: Record<string, 'complete' | ListingFault>
  assurance: 'controlled' | 'explicit'
  trace_id: string
  /** `WholeLook`s: what was read to its end. Of their bounds what concerns a grant that stood and was not shown. */
  whole: readonly Fact[]
  /** `ShownGrant`s, in the order of account, list and key, like the next. */
  shown: readonly Fact[]
  /** `MissingGrant`s. */
  missing: readonly Fact[]
}

/** A grant that was shown. `id`: of what stands of it here, as events of its finding name it. */
export type ShownGrant = { account: string; id: string; key: string; kind: GrantKind; list: string }

/** A grant that stood and counts as missing. `missed`: whole lists in a row without it, with this one. */
export type MissingGrant = { account: string; id: string; key: string; list: string; missed: number }

/** Characters of canonical JSON: a longer list stands in the facts as its count and the SHA-256 of that JSON, and in the row as it is. */
export const LONGEST_LIST = 65_536

export function listingFacts(row: ListingFields): Facts {
  return {
    assurance: row.assurance,
    at_ms: msOf(row.at),
    id: row.id,
    identity_id: row.identity_id,
    inventory: row.inventory,
    known: row.known,
    listed: row.listed,
    missing: isLong(row.missing) ? digestOf(row.missing) : row.missing,
    outcome: row.outcome,
    parts: row.parts,
    reason: row.reason,
    shown: isLong(row.shown) ? digestOf(row.shown) : row.shown,
    system_id: row.system_id,
    trace_id: row.trace_id,
    type: 'listing',
    // Which lists were read to their end is told in any case.
    whole: isLong(row.whole) ? row.whole.map(withoutBounds) : row.whole,
  }
}

function isLong(list: readonly Fact[]): boolean {
  return canonicalJson(list).length > LONGEST_LIST
}

function digestOf(list: readonly Fact[]): Facts {
  return { count: list.length, sha256: hash('sha256', canonicalJson(list), 'hex') }
}

function withoutBounds(look: Fact): Fact {
  if (typeof look !== 'object' || look === null) return look
  return Object.fromEntries(
    Object.entries(look).map(([name, value]): [string, Fact] => [name, Array.isArray(value) ? digestOf(value) : value]),
  )
}
