import type { Policy } from '../domain/policy.ts'
import { applySignals, endExemptions, type Raise } from '../findings/apply.ts'
import { remindFindings } from '../findings/remind.ts'
import { unverifiedSignal } from '../findings/signals.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { Db } from '../store/db.ts'
import { dueSystems } from '../store/due.ts'
import { takeOverdue } from '../store/overdue.ts'
import { transact } from '../store/transact.ts'

export interface PlanDeps {
  db: Db
  jobs: Pick<Jobs, 'enqueueTrial'>
  zones: readonly string[]
  policy(): Policy
  raise: Raise
  now(): Temporal.Instant
}

/** Findings that time alone opens or moves in one transaction. */
const PAGE = 200

/**
 * One tick: enqueues a trial for each shard of each system that has something due, and opens a finding for each credential that
 * nobody could judge in time, and each whose exemption has ended. Costs one index probe a system when nothing is due. Answers how
 * many trials were enqueued.
 */
export async function tick(deps: PlanDeps): Promise<number> {
  let enqueued = 0
  for (const system of await dueSystems(deps.db, deps.zones, deps.now())) {
    for (let shard = 0; shard < system.shards; shard++) {
      if (await deps.jobs.enqueueTrial(deps.db, system.zone, { systemId: system.id, shard })) enqueued++
    }
  }
  await openOverdue(deps)
  await openUnexempted(deps)
  return enqueued
}

/**
 * Reminds of every open finding whose turn it is, seen or not. To be called each minute: it reads whatever is open. Replicas that call it
 * at once share the findings.
 */
export async function remind(deps: PlanDeps): Promise<void> {
  const page = () => transact(deps.db, (tx) => remindFindings(tx, deps.now(), PAGE, deps.policy(), deps.raise))
  while ((await page()) === PAGE);
}

async function openUnexempted(deps: PlanDeps): Promise<void> {
  const page = () => transact(deps.db, (tx) => endExemptions(tx, deps.now(), PAGE, deps.raise))
  while ((await page()) === PAGE);
}

async function openOverdue(deps: PlanDeps): Promise<void> {
  for (;;) {
    const now = deps.now()
    const taken = await transact(deps.db, async (tx) => {
      const overdue = await takeOverdue(tx, now, PAGE)
      const signals = overdue.map((row) => unverifiedSignal({ ...row, at: now }, deps.policy()))
      await applySignals(tx, signals, deps.policy(), deps.raise)
      return overdue.length
    })
    if (taken < PAGE) return
  }
}
