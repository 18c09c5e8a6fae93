import type { Reason } from '../domain/reason.ts'
import type { BoundSecret } from '../probe/probe.ts'
import type { DueCredential } from '../store/due.ts'
import type { ControlRow } from '../store/observation.ts'
import { controlRow, EXHAUSTED, type Session, tryWithin } from './session.ts'

export type Confirmation =
  /** `atMs` and `control` are set when the decoy was asked now; the control is to be recorded with the outcome. */
  | { confirmed: true; atMs: number | undefined; control?: ControlRow }
  | {
      confirmed: false
      reason: Extract<Reason, 'any_secret_accepted' | 'unconfirmed' | 'budget_exhausted'>
      control?: ControlRow
    }

/**
 * Asks whether the system would have accepted any secret of this principal. Only a refused decoy confirms an acceptance. One that
 * was refused lately serves again, since each costs the account a wrong try.
 *
 * @param account whose lockout budget the decoy takes from; undefined where no wrong try can lock anyone
 */
export async function confirm(
  session: Session,
  row: DueCredential,
  secret: BoundSecret,
  account: string | undefined,
): Promise<Confirmation> {
  const nowMs = session.deps.now().epochMilliseconds
  if (row.confirmed_ms !== null && serves(session, row.confirmed_ms, nowMs)) return { confirmed: true, atMs: undefined }
  const decoy = secret.decoy('same-principal')
  // Without such a decoy the stranger stands in for it, and only where one was asked and refused: nobody is woken without a control.
  if (decoy === undefined)
    return refusedStranger(session) ? { confirmed: true, atMs: undefined } : { confirmed: false, reason: 'unconfirmed' }
  const judgement = await tryWithin(session, decoy, account, 'same-principal')
  if (judgement === EXHAUSTED) return { confirmed: false, reason: 'budget_exhausted' }
  const at = session.deps.now()
  const control = controlRow(session, 'same-principal', judgement, at, row.credential_id)
  if (judgement.verdict === 'rejected') return { confirmed: true, atMs: at.epochMilliseconds, control }
  return { confirmed: false, reason: judgement.verdict === 'accepted' ? 'any_secret_accepted' : 'unconfirmed', control }
}

function refusedStranger({ backing }: Session): boolean {
  return backing.controls?.controls.some(({ control, verdict }) => control === 'stranger' && verdict === 'rejected') === true
}

function serves({ system, backing }: Session, confirmedMs: number, nowMs: number): boolean {
  return confirmedMs >= backing.confirmedSinceMs && nowMs - confirmedMs < system.controls.confirmationValidForMs
}
