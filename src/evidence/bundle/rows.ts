import { observationFacts } from '../../domain/facts/observation.ts'
import type { Check, FrameworkControl } from '../../domain/framework.ts'
import type { Facts } from '../../domain/leaf.ts'
import type { LedgerKind } from '../../domain/ledger.ts'
import type { Queryable } from '../../store/db.ts'
import {
  auditsOf,
  controlsOf,
  type EvidenceFilter,
  exemptionsOf,
  findingEventsOf,
  gapsOf,
  ledgerKeysOf,
  listingsOf,
  observationsOf,
  trialsOf,
} from '../../store/evidence.ts'
import { storedFacts } from '../facts.ts'

/** What the stored row of an entry says today: one row can have several entries. */
export interface StoredFacts {
  id: string
  facts: Facts[]
}

type Reader = (db: Queryable, ids: readonly string[], filter: EvidenceFilter) => Promise<StoredFacts[]>

/** Reads the rows behind entries of each kind. */
export const READERS: Record<LedgerKind, Reader> = {
  observation: async (db, ids, filter) =>
    (await observationsOf(db, ids, filter)).map((row) => ({ id: row.id, facts: [observationFacts(row, row.observed_ms)] })),
  control: async (db, ids, filter) =>
    (await controlsOf(db, ids, filter)).map((row) => ({ id: row.id, facts: storedFacts.control(row) })),
  trial: async (db, ids, filter) =>
    (await trialsOf(db, ids, filter)).map((row) => ({ id: row.id, facts: storedFacts.trial(row) })),
  listing: async (db, ids, filter) =>
    (await listingsOf(db, ids, filter)).map((row) => ({ id: row.id, facts: storedFacts.listing(row) })),
  finding: async (db, ids, filter) =>
    (await findingEventsOf(db, ids, filter)).map((row) => ({ id: row.id, facts: storedFacts.finding(row) })),
  exemption: async (db, ids, filter) =>
    (await exemptionsOf(db, ids, filter)).map((row) => ({ id: row.id, facts: storedFacts.exemption(row) })),
  operator: async (db, ids, filter) =>
    (await auditsOf(db, ids, filter)).map((row) => ({ id: row.id, facts: storedFacts.operator(row) })),
  configuration: async (db, ids, filter) =>
    (await auditsOf(db, ids, filter)).map((row) => ({ id: row.id, facts: storedFacts.configuration(row) })),
  gap: async (db, ids, filter) => (await gapsOf(db, ids, filter)).map((row) => ({ id: row.id, facts: storedFacts.gap(row) })),
  key: async (db, ids) => (await ledgerKeysOf(db, ids)).map((row) => ({ id: row.id, facts: storedFacts.key(row) })),
}

/** Which kinds of entries speak of a control: what it tests, and always who changed what and with which key it was signed. */
export function kindsFor(control: Pick<FrameworkControl, 'checks'>): Set<LedgerKind> {
  const of: Record<Check, readonly LedgerKind[]> = {
    revocation: ['observation', 'control', 'trial', 'listing'],
    coverage: ['observation', 'trial', 'gap'],
    decoys: ['control', 'trial'],
    canary: ['control', 'trial'],
    ownership: [],
  }
  return new Set<LedgerKind>([
    'finding',
    'exemption',
    'operator',
    'configuration',
    'key',
    ...control.checks.flatMap((check) => of[check]),
  ])
}
