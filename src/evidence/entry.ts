import { canonicalJson } from '../domain/canonical-json.ts'
import { RevenantError } from '../domain/error.ts'
import { isLedgerKind, type LedgerKind } from '../domain/ledger.ts'
import { type Hash, leafHash } from './merkle.ts'

/** What the log holds of one fact: which row, and the SHA-256 of its canonical facts. Evidence itself stays outside. */
export interface Entry {
  kind: LedgerKind
  /** UUID of the row. */
  id: string
  /** Of `leafOf(facts)`: hex. */
  digest: string
}

/** The version of the entry's form, `v` in its JSON. */
export const ENTRY_VERSION = 1

/** The bytes of an entry: canonical JSON of digest, id, kind and `v`. */
export function entryBytes({ kind, id, digest }: Entry): Uint8Array {
  // Hot path. All three values are of closed alphabets, so that nothing needs escaping: canonicalJson would print the same.
  return Buffer.from(`{"digest":"${digest}","id":"${id}","kind":"${kind}","v":${ENTRY_VERSION}}`, 'latin1')
}

/** The leaf hash of an entry: SHA-256(0x00 ‖ bytes). */
export function entryHash(entry: Entry): Hash {
  return leafHash(entryBytes(entry))
}

/** Reads the bytes of an entry. Throws `EVIDENCE_INVALID` for any other bytes than `entryBytes` would write. */
export function parseEntry(bytes: Uint8Array): Entry {
  const text = Buffer.from(bytes).toString('utf8')
  const found = FORM.exec(text)
  const [, digest = '', id = '', kind = ''] = found ?? []
  if (found === null || !isLedgerKind(kind))
    throw new RevenantError('EVIDENCE_INVALID', `this is no entry of the ledger: ${text.slice(0, 160)}`)
  return { kind, id, digest }
}

const FORM = /^\{"digest":"([0-9a-f]{64})","id":"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})","kind":"([a-z]+)","v":1\}$/

/** The same bytes by the general rule; a test compares the two. */
export function entryJson(entry: Entry): string {
  return canonicalJson({ ...entry, v: ENTRY_VERSION })
}
