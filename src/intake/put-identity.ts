import { RevenantError } from '../domain/error.ts'
import { audit } from '../store/audit.ts'
import { zonesInUse } from '../store/check-state.ts'
import { lockIdentities } from '../store/identity.ts'
import type { IntakeDeps } from './deps.ts'
import { writePlan } from './identities.ts'
import { planIdentities } from './identity-plan.ts'
import type { IdentityEntry } from './identity-row.ts'
import { inTransaction } from './transaction.ts'

/** What came of one identity. */
export interface PutReport {
  id: string
  /** Nobody had its external id before. */
  created: boolean
  /** False: everything stood so already. */
  changed: boolean
  /** Credentials that fell due now. */
  dueNow: number
}

/**
 * Adds one identity, or writes what is said of a known one, by its external id; what is left unsaid stays. Throws `INPUT_INVALID`.
 *
 * @param source recorded with what changes: `api`
 */
export async function putIdentity(entry: Omit<IdentityEntry, 'line'>, source: string, deps: IntakeDeps): Promise<PutReport> {
  // Before the transaction, which has the one connection of an embedded database.
  await deps.jobs.prepareTrials(await zonesInUse(deps.db))
  return inTransaction(deps.db, async (tx) => {
    const now = deps.now()
    const known = await lockIdentities(tx, [entry.externalId], 'update')
    const plan = planIdentities([{ line: 1, ...entry }], known, source, now)
    const [fault] = plan.faults
    if (fault !== undefined) throw new RevenantError('INPUT_INVALID', `${fault.field ?? 'it'} ${fault.message}`)
    const dueNow = await writePlan(tx, deps, plan, now)
    const id = plan.inserts[0]?.id ?? known.get(entry.externalId)?.id
    if (id === undefined) throw new RevenantError('INTERNAL', 'an identity was neither known nor added')
    const created = plan.inserts.length > 0
    const changed = created || plan.updates.length > 0
    if (changed) {
      const [write] = [...plan.inserts, ...plan.updates]
      const detail = { created, kind: write?.kind, owner: write?.owner_external_id, terminatedAt: write?.terminated_at }
      await audit(tx, { actor: deps.actor, action: 'identity.put', subject: entry.externalId, detail, at: now })
    }
    return { id, created, changed, dueNow }
  })
}
