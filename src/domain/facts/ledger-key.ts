import type { Facts } from '../leaf.ts'
import { msOf } from './instant.ts'

/** A key that signs checkpoints. */
export interface LedgerKeyFields {
  id: string
  vkey: string
  /** The key before; null for the first one. */
  previous: string | null
  created_at: Temporal.Instant
}

export function ledgerKeyFacts(row: LedgerKeyFields): Facts {
  return { created_ms: msOf(row.created_at), id: row.id, previous: row.previous, type: 'key', vkey: row.vkey }
}
