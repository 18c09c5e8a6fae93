import { RevenantError } from '../../domain/error.ts'
import { audit } from '../../store/audit.ts'
import { feedIdOf } from '../../store/feed.ts'
import { dismissFaults } from '../../store/feed-fault.ts'
import type { IntakeDeps } from '../deps.ts'
import { inTransaction } from '../transaction.ts'

/**
 * Somebody has seen to what a source said and nobody could take: of these subjects (null: it could not be told whom it was about), or of
 * all. Answers of how many. Throws `NOT_FOUND` for a source that never was.
 */
export async function dismissFeedFaults(
  name: string,
  keys: readonly (string | null)[] | undefined,
  deps: IntakeDeps,
): Promise<number> {
  return inTransaction(deps.db, async (tx) => {
    const id = await feedIdOf(tx, name)
    if (id === undefined) throw new RevenantError('NOT_FOUND', `no source is called ${JSON.stringify(name)}`)
    const dismissed = await dismissFaults(tx, id, keys)
    if (dismissed > 0)
      await audit(tx, { actor: deps.actor, action: 'feed.dismiss_faults', subject: name, detail: { dismissed }, at: deps.now() })
    return dismissed
  })
}
