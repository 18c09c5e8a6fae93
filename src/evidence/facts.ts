import type { Selectable } from 'kysely'
import { auditFacts } from '../domain/facts/audit.ts'
import { controlFacts } from '../domain/facts/control.ts'
import { exemptionFacts } from '../domain/facts/exemption.ts'
import { findingEventFacts } from '../domain/facts/finding-event.ts'
import { gapClosedFacts, gapOpenedFacts } from '../domain/facts/gap.ts'
import { ledgerKeyFacts } from '../domain/facts/ledger-key.ts'
import { listingFacts } from '../domain/facts/listing.ts'
import { observationFacts } from '../domain/facts/observation.ts'
import { trialFacts } from '../domain/facts/trial.ts'
import type { Facts } from '../domain/leaf.ts'
import type { LedgerKind } from '../domain/ledger.ts'
import type { Tables } from '../store/tables.ts'

type Row<Table extends keyof Tables> = Selectable<Tables[Table]>

/**
 * For each kind of entry the facts that its stored row stands for: `leafOf` of each is the digest of one entry. Most rows have one; a
 * gap that has ended has two, a trial that has not ended none, nor a listing of before listings were logged.
 */
export const storedFacts = {
  observation: (row: Row<'observation'>): Facts[] => [observationFacts(row, row.observed_at.epochMilliseconds)],
  control: (row: Row<'control'>): Facts[] => [controlFacts(row, row.observed_at.epochMilliseconds)],
  trial: (row: Row<'trial'>): Facts[] => (row.finished_at === null ? [] : [trialFacts(row)]),
  listing: ({ whole, shown, missing, ...row }: Row<'listing'>): Facts[] =>
    whole === null || shown === null || missing === null ? [] : [listingFacts({ ...row, whole, shown, missing })],
  finding: (row: Row<'finding_event'>): Facts[] => [findingEventFacts(row)],
  exemption: (row: Row<'exemption'>): Facts[] => [exemptionFacts(row)],
  operator: (row: Row<'audit'>): Facts[] => [auditFacts(row)],
  configuration: (row: Row<'audit'>): Facts[] => [auditFacts(row)],
  gap: (row: Row<'gap'>): Facts[] => [gapOpenedFacts(row), ...(row.to_at === null ? [] : [gapClosedFacts(row)])],
  key: (row: Row<'ledger_key'>): Facts[] => [ledgerKeyFacts(row)],
} as const satisfies Record<LedgerKind, (row: never) => Facts[]>

/** In which table the rows of a kind are. */
export const STORED_IN = {
  observation: 'observation',
  control: 'control',
  trial: 'trial',
  listing: 'listing',
  finding: 'finding_event',
  exemption: 'exemption',
  operator: 'audit',
  configuration: 'audit',
  gap: 'gap',
  key: 'ledger_key',
} as const satisfies Record<LedgerKind, keyof Tables>
