import { RevenantError } from '../domain/error.ts'
import { audit } from '../store/audit.ts'
import { restartChecks, zonesInUse } from '../store/check-state.ts'
import { listCredentials } from '../store/credential.ts'
import { unpinReference } from '../store/secret.ts'
import type { IntakeDeps } from './deps.ts'
import { credentialNotFound, isCredentialId } from './retire.ts'
import { checkStart, enqueueTrials, isDue } from './standing.ts'
import { inTransaction } from './transaction.ts'

/**
 * Takes what a credential's reference holds now for its secret, on an operator's word, and checks it as if it were a new one: nothing
 * that was seen of the old one counts any more. Throws `NOT_FOUND`, `INPUT_INVALID` (no reference).
 */
export async function repinCredential(id: string, deps: IntakeDeps): Promise<void> {
  if (!isCredentialId(id)) throw credentialNotFound(id)
  // Before the transaction, which has the one connection of an embedded database.
  await deps.jobs.prepareTrials(await zonesInUse(deps.db))
  await inTransaction(deps.db, async (tx) => {
    const [credential] = await listCredentials(tx, { id, limit: 1 })
    if (credential === undefined) throw credentialNotFound(id)
    if (!(await unpinReference(tx, id)))
      throw new RevenantError(
        'INPUT_INVALID',
        'this credential has a sealed secret, not a reference: import its new secret instead',
      )
    const now = deps.now()
    const start = checkStart(id, credential.terminated_at, deps.policy.verifyWithinMs, now)
    await restartChecks(tx, [start])
    const detail = { system: credential.system, identity: credential.external_id, label: credential.label }
    await audit(tx, { actor: deps.actor, action: 'credential.repin', subject: id, detail, at: now })
    if (isDue(start, now)) await enqueueTrials(tx, deps, [id], now)
  })
}
