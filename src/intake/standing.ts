import {
  type Check,
  type CheckStart,
  correctTermination,
  findChecks,
  lockChecks,
  restartChecks,
  stopChecks,
  trialsFor,
} from '../store/check-state.ts'
import type { Queryable } from '../store/db.ts'
import type { IntakeDeps } from './deps.ts'
import type { Tx } from './transaction.ts'

/** An identity that leaves at an instant, or (null) that is back. */
export interface StandingChange {
  identityId: string
  terminatedAt: Temporal.Instant | null
}

/**
 * Makes the credentials of identities follow their standing, in the transaction that changed it: those of a leaver fall due at
 * the instant of termination, at once where that has passed, and their trials are enqueued; those of somebody who is back rest.
 * Answers how many fell due.
 */
export async function followStandings(
  tx: Tx,
  deps: IntakeDeps,
  changes: readonly StandingChange[],
  now: Temporal.Instant,
): Promise<number> {
  const checks = await lockChecks(
    tx,
    changes.map((change) => change.identityId),
  )
  const { stopped, corrected, started } = sortChecks(changes, checks, deps.policy.verifyWithinMs, now)
  await stopChecks(tx, stopped)
  await correctTermination(tx, corrected)
  await restartChecks(tx, started)
  const due = started.filter((start) => isDue(start, now)).map((start) => start.credential_id)
  await enqueueTrials(tx, deps, due, now)
  return due.length
}

/** How many credentials such changes would make due. */
export async function countFallingDue(
  db: Queryable,
  deps: IntakeDeps,
  changes: readonly StandingChange[],
  now: Temporal.Instant,
): Promise<number> {
  const checks = await findChecks(
    db,
    changes.map((change) => change.identityId),
  )
  return sortChecks(changes, checks, deps.policy.verifyWithinMs, now).started.filter((start) => isDue(start, now)).length
}

/** Enqueues the trials that due credentials need: workers wake when the transaction commits. */
export async function enqueueTrials(
  tx: Tx,
  deps: IntakeDeps,
  credentialIds: readonly string[],
  now: Temporal.Instant,
): Promise<void> {
  for (const { zone, systemId, shard } of await trialsFor(tx, credentialIds, now)) {
    await deps.jobs.enqueueTrial(tx, zone, { systemId, shard })
  }
}

function sortChecks(
  changes: readonly StandingChange[],
  checks: readonly Check[],
  verifyWithinMs: number,
  now: Temporal.Instant,
): { stopped: string[]; corrected: { credential_id: string; terminated_at: string }[]; started: CheckStart[] } {
  const byIdentity = new Map(changes.map((change) => [change.identityId, change.terminatedAt]))
  const sorted = {
    stopped: [] as string[],
    corrected: [] as { credential_id: string; terminated_at: string }[],
    started: [] as CheckStart[],
  }
  for (const check of checks) {
    const at = byIdentity.get(check.identityId) ?? null
    if (at === null) sorted.stopped.push(check.credentialId)
    else if (beginsAnew(check, at)) sorted.started.push(checkStart(check.credentialId, at, verifyWithinMs, now))
    else sorted.corrected.push({ credential_id: check.credentialId, terminated_at: at.toString() })
  }
  return sorted
}

/**
 * A termination of somebody who was active, or later than what was last seen: an answer from before it says nothing about after it.
 * Otherwise it corrects a date, and what was seen still stands. Pure.
 */
export function beginsAnew(check: Pick<Check, 'terminatedAt' | 'observedAt'>, terminatedAt: Temporal.Instant): boolean {
  if (check.terminatedAt === null || check.observedAt === null) return true
  return Temporal.Instant.compare(check.observedAt, terminatedAt) < 0
}

/** When the check of a credential begins: at the termination, or now where that has passed; never while the identity is active. Pure. */
export function checkStart(
  credentialId: string,
  terminatedAt: Temporal.Instant | null,
  verifyWithinMs: number,
  now: Temporal.Instant,
): CheckStart {
  if (terminatedAt === null) return { credential_id: credentialId, terminated_at: null, due_at: null, verify_by: null }
  const dueAt = Temporal.Instant.compare(terminatedAt, now) > 0 ? terminatedAt : now
  return {
    credential_id: credentialId,
    terminated_at: terminatedAt.toString(),
    due_at: dueAt.toString(),
    verify_by: dueAt.add({ milliseconds: verifyWithinMs }).toString(),
  }
}

export function isDue(start: CheckStart, now: Temporal.Instant): boolean {
  return start.due_at !== null && Temporal.Instant.compare(start.due_at, now) <= 0
}
