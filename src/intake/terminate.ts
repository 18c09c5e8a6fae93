import { RevenantError } from '../domain/error.ts'
import { audit } from '../store/audit.ts'
import { zonesInUse } from '../store/check-state.ts'
import { lockIdentities } from '../store/identity.ts'
import type { IntakeDeps } from './deps.ts'
import { writePlan } from './identities.ts'
import { planIdentities } from './identity-plan.ts'
import type { Standing } from './identity-row.ts'
import { inTransaction } from './transaction.ts'

/** What changed of one identity. */
export interface StandingReport {
  /** False: it stood so already. */
  changed: boolean
  /** Credentials that fell due now. */
  dueNow: number
}

/**
 * Terminates an identity at an instant, past or to come; without one now, unless it has left already: the clock of a departure that
 * is known must not start again because somebody makes sure. Throws `NOT_FOUND`.
 *
 * @param reason why, for the audit
 */
export async function terminateIdentity(
  externalId: string,
  at: Temporal.Instant | undefined,
  deps: IntakeDeps,
  reason?: string,
): Promise<StandingReport> {
  const standing = (left: Temporal.Instant | null, now: Temporal.Instant): Standing => {
    const known = left !== null && Temporal.Instant.compare(left, now) <= 0 ? left : now
    return { is: 'terminated', at: (at ?? known).round({ smallestUnit: 'microsecond', roundingMode: 'floor' }) }
  }
  return changeStanding(externalId, standing, 'identity.terminate', deps, reason)
}

/**
 * Takes a termination back: its credentials rest, and what was found stays on record until somebody closes it.
 * Throws `NOT_FOUND`.
 */
export async function reinstateIdentity(externalId: string, deps: IntakeDeps, reason?: string): Promise<StandingReport> {
  return changeStanding(externalId, () => ({ is: 'active' }), 'identity.reinstate', deps, reason)
}

async function changeStanding(
  externalId: string,
  standingOf: (left: Temporal.Instant | null, now: Temporal.Instant) => Standing,
  action: string,
  deps: IntakeDeps,
  reason: string | undefined,
): Promise<StandingReport> {
  await deps.jobs.prepareTrials(await zonesInUse(deps.db))
  return inTransaction(deps.db, async (tx) => {
    const now = deps.now()
    const known = await lockIdentities(tx, [externalId], 'update')
    const row = known.get(externalId)
    if (row === undefined) throw new RevenantError('NOT_FOUND', `no identity has the external id ${JSON.stringify(externalId)}`)
    const standing = standingOf(row.terminated_at, now)
    const unsaid = { kind: undefined, name: undefined, email: undefined, owner: undefined }
    const plan = planIdentities([{ line: 1, externalId, standing, ...unsaid }], known, row.source, now)
    const changed = plan.updates.length > 0
    const dueNow = await writePlan(tx, deps, plan, now)
    if (changed) {
      const detail = { ...(standing.is === 'terminated' ? { terminatedAt: standing.at.toString() } : {}), reason }
      await audit(tx, { actor: deps.actor, action, subject: externalId, detail, at: now })
    }
    return { changed, dueNow }
  })
}
