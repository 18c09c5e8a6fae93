import type { Reason } from '../domain/reason.ts'
import type { BoundSecret } from '../probe/probe.ts'
import type { DueCredential } from '../store/due.ts'
import { insertControls } from '../store/observation.ts'
import { controlRow, EXHAUSTED, type Session, tryWithin } from './session.ts'

export type Confirmation =
  /** `atMs` is set when the decoy was asked now. */
  | { confirmed: true; atMs: number | undefined }
  | { confirmed: false; reason: Extract<Reason, 'any_secret_accepted' | 'unconfirmed' | 'budget_exhausted'> }

/**
 * Asks whether the system would have accepted any secret of this principal. Only a refused decoy confirms an acceptance. One that
 * was refused lately serves again, since each costs the account a wrong try.
 */
export async function confirm(session: Session, row: DueCredential, secret: BoundSecret): Promise<Confirmation> {
  const nowMs = session.deps.now().epochMilliseconds
  if (row.confirmed_ms !== null && serves(session, row.confirmed_ms, nowMs)) return { confirmed: true, atMs: undefined }
  const decoy = secret.decoy('same-principal')
  // Without such a decoy the stranger stands in for it, and only where one was asked and refused: nobody is woken without a control.
  if (decoy === undefined)
    return refusedStranger(session) ? { confirmed: true, atMs: undefined } : { confirmed: false, reason: 'unconfirmed' }
  const judgement = await tryWithin(session, decoy, secret.account, 'same-principal')
  if (judgement === EXHAUSTED) return { confirmed: false, reason: 'budget_exhausted' }
  const at = session.deps.now()
  await insertControls(session.deps.db, [controlRow(session, 'same-principal', judgement, at, row.credential_id)])
  if (judgement.verdict === 'rejected') return { confirmed: true, atMs: at.epochMilliseconds }
  return { confirmed: false, reason: judgement.verdict === 'accepted' ? 'any_secret_accepted' : 'unconfirmed' }
}

function refusedStranger({ backing }: Session): boolean {
  return backing.controls?.controls.some(({ control, verdict }) => control === 'stranger' && verdict === 'rejected') === true
}

function serves({ system, backing }: Session, confirmedMs: number, nowMs: number): boolean {
  return confirmedMs >= backing.confirmedSinceMs && nowMs - confirmedMs < system.controls.confirmationValidForMs
}
