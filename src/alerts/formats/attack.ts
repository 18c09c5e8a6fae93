import type { FindingKind } from '../../domain/finding.ts'

const VALID_ACCOUNTS: ReadonlySet<FindingKind> = new Set<FindingKind>([
  'residual_access',
  'resurrected_access',
  'shared_secret_not_rotated',
  'handover_overdue',
  'principal_mismatch',
])

/** The ATT&CK technique, only where somebody's credential works. The tactic is left out: it depends on the ATT&CK version. */
export function attackOf(kind: FindingKind): { id: string; name: string } | undefined {
  return VALID_ACCOUNTS.has(kind) ? { id: 'T1078', name: 'Valid Accounts' } : undefined
}
