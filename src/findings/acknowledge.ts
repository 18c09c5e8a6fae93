import { toMs } from '../domain/facts/instant.ts'
import { audit } from '../store/audit.ts'
import { acknowledgeFinding, type FindingRow, lockFindingsById, saveFindings } from '../store/finding.ts'
import { transact } from '../store/transact.ts'
import { type ActDeps, operatorEvent } from './act.ts'

/** `not_found`: there is no such finding. `resolved`: it is over, there is nothing to acknowledge. */
export type Acknowledged =
  | { id: string; finding: FindingRow; changed: boolean }
  | { id: string; refused: 'not_found' }
  | { id: string; refused: 'resolved'; finding: FindingRow }

/**
 * Acknowledges findings: no more reminders. Each is taken by itself, in one transaction for all: what is refused of one keeps none of
 * the others. One that is acknowledged already stays as it is, with the name of whoever was first.
 *
 * @param check called with each finding under its lock; what it throws undoes all
 */
export async function acknowledgeFindings(
  ids: readonly string[],
  note: string,
  deps: ActDeps,
  check?: (finding: FindingRow) => void,
): Promise<Acknowledged[]> {
  return transact(deps.db, async (tx) => {
    const found = await lockFindingsById(tx, ids)
    const at = toMs(deps.now())
    const results: Acknowledged[] = []
    for (const id of new Set(ids)) {
      const finding = found.get(id)
      if (finding === undefined) results.push({ id, refused: 'not_found' })
      else {
        check?.(finding)
        if (finding.state === 'resolved') results.push({ id, refused: 'resolved', finding })
        else results.push({ id, ...(await acknowledge(finding)) })
      }
    }
    return results

    async function acknowledge(finding: FindingRow): Promise<{ finding: FindingRow; changed: boolean }> {
      if (!(await acknowledgeFinding(tx, finding.id, deps.actor, at))) return { finding, changed: false }
      const acknowledged: FindingRow = {
        ...finding,
        state: 'acknowledged',
        acknowledged_at: at,
        acknowledged_by: deps.actor,
      }
      const event = operatorEvent(acknowledged, 'acknowledged', { actor: deps.actor, note, at })
      await saveFindings(tx, { added: [], changed: [], events: [event] })
      await audit(tx, { actor: deps.actor, action: 'finding.acknowledge', subject: finding.id, detail: { note }, at })
      return { finding: acknowledged, changed: true }
    }
  })
}
