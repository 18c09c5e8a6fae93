import { audit } from '../store/audit.ts'
import { retireCredentials } from '../store/credential.ts'
import { lockSpent, type SpentCredential } from '../store/spent.ts'
import { transact } from '../store/transact.ts'
import type { Runtime } from './runtime.ts'

/** Retired in one transaction. */
const PAGE = 200

/** How many credentials were retired, by reason. */
export type Minimised = Record<SpentCredential['reason'], number>

/**
 * Retires what need not be kept any longer (`docs/custody.md`): its secret is destroyed, nothing of it is tried again, and the log says
 * which credential it was, why, and until when it was watched. A crash leaves whole pages behind; the next day goes on.
 */
export async function minimiseSecrets(runtime: Pick<Runtime, 'config' | 'instance' | 'now' | 'store'>): Promise<Minimised> {
  const { config, instance, store } = runtime
  const done: Minimised = { proven_dead: 0, expired: 0, rotated: 0 }
  for (let after: string | undefined; ; ) {
    const page = await transact(store.db, async (tx) => {
      const now = runtime.now()
      const { shredAfterDeadMs, cloudKeyMaxAgeMs } = config.custody
      const spent = await lockSpent(tx, { now, shredAfterDeadMs, cloudKeyMaxAgeMs, after, limit: PAGE })
      for (const reason of ['proven_dead', 'expired', 'rotated'] as const) {
        const ids = spent.filter((each) => each.reason === reason).map(({ credentialId }) => credentialId)
        await retireCredentials(tx, ids, now, reason)
      }
      for (const each of spent)
        await audit(tx, {
          actor: `daemon ${instance}`,
          action: 'credential.retire',
          subject: each.credentialId,
          detail: detailOf(each),
          at: now,
        })
      return spent
    })
    for (const { reason } of page) done[reason]++
    if (page.length < PAGE) return done
    after = page.at(-1)?.credentialId
  }
}

function detailOf({ system, externalId, label, reason, wasSealed, deadAt, expiresAt, watchedUntil }: SpentCredential) {
  return {
    system,
    identity: externalId,
    label,
    reason,
    secret: wasSealed ? 'destroyed' : 'a reference, forgotten',
    deadAt: deadAt?.toString(),
    expiresAt: expiresAt?.toString(),
    watchedUntil: watchedUntil?.toString() ?? null,
  }
}
