import type { GapReason } from '../domain/gap.ts'
import type { Db, Queryable } from '../store/db.ts'
import {
  closeGap,
  extendGap,
  type GapRow,
  lockOpenGaps,
  type OverdueSystem,
  openGap,
  overdueSystems,
  tryLockGaps,
} from '../store/gap.ts'
import { transact } from '../store/transact.ts'

export interface GapsDeps {
  db: Db
  now(): Temporal.Instant
  /** How long a credential may be overdue before that is a gap. */
  graceMs: number
  /** Reasons of a hold that a system's breaker gives. */
  failures: readonly string[]
}

/** A replica that has not beaten for so long does not work; it beats every minute. */
export const SILENT_MS = 3 * 60_000
const LEAST_GRACE_MS = 5 * 60_000

/** Two ticks find what is due and one trial's budget tries it: what waits longer waits for a reason. Five minutes at least. */
export function graceOf({ tickMs, trialBudgetMs }: { tickMs: number; trialBudgetMs: number }): number {
  return Math.max(LEAST_GRACE_MS, 2 * tickMs + trialBudgetMs)
}

/**
 * Writes down what was due and not tried: begins, extends and ends the gaps of all systems. A gap whose reason changes ends, and
 * another begins. Answers how many last.
 *
 * @param downSince of the first pass after a start: when any replica last lived, if that is too long ago
 */
export async function recordGaps(deps: GapsDeps, downSince?: Temporal.Instant): Promise<number> {
  return transact(deps.db, async (tx) => {
    if (!(await tryLockGaps(tx))) return 0
    const now = deps.now()
    const question = {
      now,
      dueBefore: now.subtract({ milliseconds: deps.graceMs }),
      aliveSince: now.subtract({ milliseconds: SILENT_MS }),
      failures: deps.failures,
    }
    const behind = new Map((await overdueSystems(tx, question)).map((system) => [system.systemId, system]))
    const open = new Map((await lockOpenGaps(tx)).map((gap) => [gap.system_id, gap]))
    for (const gap of open.values()) if (!behind.has(gap.system_id)) await closeGap(tx, gap, now)
    for (const system of behind.values()) await note(tx, system, open.get(system.systemId), now, downSince)
    return behind.size
  })
}

async function note(
  tx: Queryable,
  system: OverdueSystem,
  gap: GapRow | undefined,
  now: Temporal.Instant,
  downSince: Temporal.Instant | undefined,
): Promise<void> {
  const reason: GapReason = downSince !== undefined && system.reason !== 'paused' ? 'daemon_down' : system.reason
  if (gap?.reason === reason) return extendGap(tx, gap, system.credentials, now)
  // While nobody lived, the reason before ended with the last sign of life.
  const since = downSince ?? now
  if (gap !== undefined) await closeGap(tx, gap, laterOf(gap.from_at, since))
  const from = gap === undefined ? system.since : laterOf(gap.from_at, since)
  const begun = reason === 'daemon_down' && downSince !== undefined ? laterOf(from, downSince) : from
  await openGap(tx, { systemId: system.systemId, reason, from: begun, credentials: system.credentials }, now)
}

function laterOf(a: Temporal.Instant, b: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.compare(a, b) > 0 ? a : b
}
