import { isProvenRejection } from '../domain/verdict.ts'
import { applySignals } from '../findings/apply.ts'
import { systemSignal } from '../findings/signals.ts'
import { saveControls } from '../store/system.ts'
import { transact } from '../store/transact.ts'
import { askCanaryAgain } from './controls.ts'
import type { Outcome } from './record.ts'
import { disown } from './replay.ts'
import type { Session } from './session.ts'

/** What may be recorded of a page of outcomes. */
export type Vouch = (outcomes: readonly Outcome[]) => Promise<readonly Outcome[]>

/**
 * A rejection that completes a proof is recorded only after the canary was accepted later than it, by the same path: the canary that
 * the trial began with may have been asked before a system began to refuse everybody. One canary vouches for a whole page. Where it
 * fails, no rejection of the page means anything, and none that comes after.
 */
export function openVouch(session: Session): Vouch {
  const { canary } = session.system.controls
  return async (outcomes) => {
    if (canary === undefined || !outcomes.some(({ verdict }) => verdict === 'rejected')) return outcomes
    if (session.backing.canaryFailed) return outcomes.map(disown)
    const { confirmRejections } = session.deps.policy()
    const completes = (outcome: Outcome) =>
      !outcome.row.dead && isProvenRejection(outcome) && outcome.row.rejections + 1 >= confirmRejections
    if (!outcomes.some(completes)) return outcomes
    const accepted = await isAccepted(session, canary)
    if (accepted === true) return outcomes
    // Told to stop before the canary could say anything: what it had to vouch for is still due.
    if (accepted === undefined) return outcomes.filter((outcome) => !completes(outcome))
    await goBlind(session)
    return outcomes.map(disown)
  }
}

/** Whether the canary is accepted now; undefined when the trial was stopped meanwhile. */
async function isAccepted(session: Session, canary: Parameters<typeof askCanaryAgain>[1]): Promise<boolean | undefined> {
  const { waits } = session
  if (waits.aborted) return undefined
  try {
    const { verdict } = await askCanaryAgain(session, canary)
    return verdict === 'accepted' || (waits.aborted ? undefined : false)
  } catch (error) {
    if (waits.aborted) return undefined
    throw error
  }
}

async function goBlind({ backing, deps, system, trialId, trace }: Session): Promise<void> {
  const { controls } = backing
  backing.canaryFailed = true
  backing.assurance = 'none'
  const at = deps.now()
  const of = { at, systemId: system.id, system: system.name, tier: system.tier, trialId, traceId: trace.traceId, holds: true }
  await transact(deps.db, async (tx) => {
    // They serve no further trial, which asks anew.
    if (controls !== undefined) await saveControls(tx, system.id, { ...controls, validUntil: at.toString() })
    await applySignals(tx, [systemSignal('blind', of, deps.policy())], deps.policy(), deps.raise)
  })
}
