import { hash } from 'node:crypto'
import { canonicalJson, type Json, type JsonObject } from './canonical-json.ts'

/** What facts are made of: JSON. */
export type Fact = Json
export type Facts = JsonObject

/**
 * The digest under which facts go into the ledger: SHA-256, in hex, over their canonical JSON. The same facts always give the same
 * digest, whoever computes it.
 */
export function leafOf(facts: Facts): string {
  return hash('sha256', canonicalJson(facts), 'hex')
}
