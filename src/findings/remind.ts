import type { Severity } from '../domain/finding.ts'
import type { Policy } from '../domain/policy.ts'
import type { Queryable } from '../store/db.ts'
import { lockStale, type StaleFinding } from '../store/overdue.ts'
import { moveByTime, type Raise } from './apply.ts'
import { severity } from './signals.ts'
import { remind } from './transition.ts'

/**
 * Reminds of the open findings whose last alert is older than `policy.remindEvery`, or escalates those that have grown more severe, in the
 * caller's transaction: of what cannot be judged no observation ever comes that would. Answers how many; `limit` at most.
 */
export async function remindFindings(
  db: Queryable,
  at: Temporal.Instant,
  limit: number,
  policy: Policy,
  raise: Raise,
): Promise<number> {
  const alertedBefore = at.subtract({ milliseconds: policy.remindEveryMs })
  const rows = await lockStale(db, { at, alertedBefore, limit })
  return moveByTime(db, rows, at, (episode, row) => remind(episode, severityToday(row, at, policy), at, policy), raise)
}

/** What a signal of today would say. */
export function severityToday(row: StaleFinding, at: Temporal.Instant, policy: Policy): Severity {
  const { kind, tier, system, identityKind, privilege, credentialKind, terminatedAt } = row
  if (
    tier !== null &&
    system !== null &&
    identityKind !== null &&
    privilege !== null &&
    credentialKind !== null &&
    terminatedAt !== null
  ) {
    const handoverBy = row.handoverBy ?? undefined
    return severity({ at, tier, system, identityKind, privilege, credentialKind, terminatedAt, handoverBy }, kind, policy)
  }
  // A grant has a system and a leaver, and no credential.
  if (kind === 'standing_grant' && tier !== null && system !== null && identityKind !== null && terminatedAt !== null)
    return severity({ at, tier, system, identityKind, privilege: 'standard', terminatedAt }, kind, policy)
  // What is about no credential has no deadline, so it does not age.
  return row.severity
}
