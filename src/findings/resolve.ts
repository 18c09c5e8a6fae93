import { RevenantError } from '../domain/error.ts'
import { toMs } from '../domain/facts/instant.ts'
import type { Policy } from '../domain/policy.ts'
import { audit } from '../store/audit.ts'
import { type FindingRow, isStillTried, lockFindingsById, saveFindings } from '../store/finding.ts'
import { transact } from '../store/transact.ts'
import { type ActDeps, operatorEvent } from './act.ts'
import { applySignals, type Raise } from './apply.ts'

/**
 * Closes by hand what nothing tries any more and so cannot close by itself. Throws `NOT_FOUND`, and `CONFLICT` where it is resolved
 * already or still tried.
 *
 * @param check called with the finding under its lock
 */
export async function resolveFinding(
  id: string,
  note: string,
  deps: ActDeps & { policy: Policy; raise: Raise },
  check?: (finding: FindingRow) => void,
): Promise<FindingRow> {
  return transact(deps.db, async (tx) => {
    const finding = (await lockFindingsById(tx, [id])).get(id)
    if (finding === undefined) throw new RevenantError('NOT_FOUND', 'there is no finding of this id')
    check?.(finding)
    if (finding.state === 'resolved') throw new RevenantError('CONFLICT', 'the finding is resolved already')
    if (await isStillTried(tx, finding)) {
      throw new RevenantError(
        'CONFLICT',
        'what it is about is still tried: it closes by itself once access is proven gone. To accept it for a while, exempt it',
      )
    }
    const at = toMs(deps.now())
    const closed = operatorEvent(finding, 'closed', { actor: deps.actor, note, at })
    await saveFindings(tx, { added: [], changed: [], events: [closed] })
    const ids = {
      ...(finding.system_id === null ? {} : { systemId: finding.system_id }),
      ...(finding.identity_id === null ? {} : { identityId: finding.identity_id }),
      ...(finding.credential_id === null ? {} : { credentialId: finding.credential_id }),
      ...(finding.feed_id === null ? {} : { feedId: finding.feed_id }),
      ...(finding.grant_id === null ? {} : { grantId: finding.grant_id }),
    }
    await applySignals(tx, [{ key: finding.key, ...ids, signal: { holds: false, at, needed: 1 } }], deps.policy, deps.raise)
    await audit(tx, { actor: deps.actor, action: 'finding.resolve', subject: id, detail: { note }, at })
    return (await lockFindingsById(tx, [id])).get(id) ?? finding
  })
}
