import { audit } from '../../store/audit.ts'
import { dismissFaults } from '../../store/feed-fault.ts'
import type { IntakeDeps } from '../deps.ts'
import { inTransaction } from '../transaction.ts'
import { feedNamed } from './feed-named.ts'

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
    const dismissed = await dismissFaults(tx, await feedNamed(tx, name), keys)
    if (dismissed > 0)
      await audit(tx, { actor: deps.actor, action: 'feed.dismiss_faults', subject: name, detail: { dismissed }, at: deps.now() })
    return dismissed
  })
}
