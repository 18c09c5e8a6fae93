import { type Facts, leafOf } from '../domain/leaf.ts'
import type { LedgerKind } from '../domain/ledger.ts'
import { READERS } from '../evidence/bundle/rows.ts'
import { isPast } from '../evidence/expiry.ts'
import { retentionHorizon } from '../store/audit.ts'
import type { Queryable } from '../store/db.ts'
import { entriesFrom, type LedgerEntryRow } from '../store/ledger-read.ts'

/** Why an entry has no facts: past their retention, changed in the database since, or removed though no retention did so. */
export const MISSING = ['gone', 'altered', 'removed'] as const

/** An entry of the log with what it stands for. */
export interface PulledEntry {
  index: number
  kind: LedgerKind
  id: string
  digest: string
  at: string
  /** What was hashed; null where the stored row does not say it any more. */
  facts: Facts | null
  missing?: (typeof MISSING)[number]
}

/** The entries from index `from` to before `size`, at most `limit`. The same index has the same facts, byte for byte, or none. */
export async function entryPage(db: Queryable, from: number, size: number, limit: number): Promise<PulledEntry[]> {
  const rows = (await entriesFrom(db, from, limit)).filter(({ index }) => index < size)
  const stored = await storedFactsOf(db, rows)
  const horizon = await retentionHorizon(db)
  return rows.map(({ index, kind, ref, digest, at }) => {
    const entry = { index, kind, id: ref, digest: Buffer.from(digest).toString('hex'), at: at.toString() }
    const candidates = stored.get(kind)?.get(ref)
    const facts = candidates?.find((each) => leafOf(each) === entry.digest)
    if (facts !== undefined) return { ...entry, facts }
    return {
      ...entry,
      facts: null,
      missing: candidates !== undefined ? 'altered' : isPast({ kind, ref }, horizon) ? 'gone' : 'removed',
    }
  })
}

async function storedFactsOf(db: Queryable, rows: readonly LedgerEntryRow[]): Promise<Map<LedgerKind, Map<string, Facts[]>>> {
  const byKind = new Map<LedgerKind, Map<string, Facts[]>>()
  for (const kind of new Set(rows.map((row) => row.kind))) {
    const ids = [...new Set(rows.filter((row) => row.kind === kind).map(({ ref }) => ref))]
    const found = await READERS[kind](db, ids, {})
    byKind.set(kind, new Map(found.map(({ id, facts }) => [id, facts])))
  }
  return byKind
}
