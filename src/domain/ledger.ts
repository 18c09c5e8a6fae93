/** What the ledger has entries of. */
export const LEDGER_KINDS = [
  'observation',
  'control',
  'trial',
  'listing',
  'finding',
  'exemption',
  'operator',
  'configuration',
  'gap',
  'key',
] as const
export type LedgerKind = (typeof LEDGER_KINDS)[number]

/** True for a name of the closed list; narrows it. */
export function isLedgerKind(name: string): name is LedgerKind {
  return LEDGER_KINDS.some((kind) => kind === name)
}
