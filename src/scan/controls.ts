import type { Control, Decoy } from '../domain/control.ts'
import { toError } from '../domain/error.ts'
import type { Reason } from '../domain/reason.ts'
import type { Assurance } from '../domain/verdict.ts'
import { judgeFailure } from '../probe/failure.ts'
import type { BoundSecret } from '../probe/probe.ts'
import { type ControlRow, insertControls } from '../store/observation.ts'
import { saveControls } from '../store/system.ts'
import type { PassedControls } from '../store/tables.ts'
import type { TimedJudgement } from './attempt.ts'
import { isTransportFailure } from './breaker.ts'
import { controlRow, EXHAUSTED, type Session, tryWithin } from './session.ts'

/** What the controls of a trial allow it to say. */
export type ControlsOutcome =
  | { kind: 'passed'; assurance: Assurance; controls: PassedControls['controls'] }
  /** A decoy was accepted: the system asks nobody for a credential, or the probe is blind. */
  | { kind: 'open'; controls: PassedControls['controls'] }
  /** A decoy could not be judged: nothing else can be. */
  | { kind: 'unjudged'; reason: Reason; cause: TimedJudgement; controls: PassedControls['controls'] }
  /** The canary was not accepted: no rejection of this trial means anything. */
  | { kind: 'canary-failed'; cause: TimedJudgement; controls: PassedControls['controls'] }

const DECOYS: readonly Decoy[] = ['nobody', 'stranger']

/**
 * Runs the decoys, then the canary. Each costs the system one attempt, so a passed set is kept and serves later trials until its
 * time is up. Every control is recorded, whatever it said.
 *
 * @param sample a secret of the kind that the trial will replay, from which the decoys are shaped
 */
export async function runControls(session: Session, sample: BoundSecret): Promise<ControlsOutcome> {
  const rows: ControlRow[] = []
  try {
    return await judgeControls(session, sample, rows)
  } finally {
    await insertControls(session.deps.db, rows)
  }
}

/** The controls that passed lately, if they still serve. */
export function stillPassed(
  passed: PassedControls | null,
  now: Temporal.Instant,
  hasCanary: boolean,
): ControlsOutcome | undefined {
  if (passed === null || Temporal.Instant.compare(Temporal.Instant.from(passed.validUntil), now) <= 0) return undefined
  // A canary that was configured since must be asked first.
  if (hasCanary !== passed.controls.some((each) => each.control === 'canary')) return undefined
  return { kind: 'passed', assurance: passed.assurance, controls: passed.controls }
}

async function judgeControls(session: Session, sample: BoundSecret, rows: ControlRow[]): Promise<ControlsOutcome> {
  const done: PassedControls['controls'] = []
  const record = (control: Control, judgement: TimedJudgement) => {
    const at = session.deps.now()
    rows.push(controlRow(session, control, judgement, at))
    done.push({ control, verdict: judgement.verdict, reason: judgement.reason, at: at.toString() })
  }
  for (const decoy of DECOYS) {
    const secret = sample.decoy(decoy)
    if (secret === undefined) continue
    // Nobody real stands behind these: they have no lockout budget.
    const judgement = await tryWithin(session, secret, undefined, decoy)
    if (judgement === EXHAUSTED) continue
    record(decoy, judgement)
    if (judgement.verdict === 'accepted' || judgement.reason === 'endpoint_unauthenticated')
      return { kind: 'open', controls: done }
    // Asked without any credential, many systems answer with a challenge that judges nobody: that is a refusal too.
    const refused = judgement.verdict === 'rejected' || (decoy === 'nobody' && isRefusalOfNobody(judgement.reason))
    if (!refused)
      return {
        kind: 'unjudged',
        reason: isSpecific(judgement.reason) ? judgement.reason : 'control_failed',
        cause: judgement,
        controls: done,
      }
  }
  const { canary } = session.system.controls
  if (canary !== undefined) {
    const judgement = await askCanary(session, canary)
    record('canary', judgement)
    if (judgement.verdict !== 'accepted') return { kind: 'canary-failed', cause: judgement, controls: done }
  }
  const assurance: Assurance = canary !== undefined ? 'controlled' : done.length > 0 ? 'explicit' : 'none'
  const now = session.deps.now()
  await saveControls(session.deps.db, session.system.id, {
    trialId: session.trialId,
    assurance,
    at: now.toString(),
    validUntil: now.add({ milliseconds: session.system.controls.validForMs }).toString(),
    controls: done,
  })
  return { kind: 'passed', assurance, controls: done }
}

async function askCanary(session: Session, read: () => Promise<BoundSecret>): Promise<TimedJudgement> {
  try {
    const secret = await read()
    const judgement = await tryWithin(session, secret, secret.account, 'canary')
    if (judgement !== EXHAUSTED) return judgement
    return { verdict: 'inconclusive', reason: 'budget_exhausted', strength: 'strong', wire: {}, latencyMs: 0 }
  } catch (error) {
    if (session.signal.aborted) throw error
    return { ...judgeFailure(toError(error), false), latencyMs: 0 }
  }
}

const REFUSALS_OF_NOBODY: ReadonlySet<Reason> = new Set<Reason>([
  'not_authenticated',
  'credential_not_evaluated',
  'challenge',
  'auth_method_disabled',
  'session_invalid',
])

function isRefusalOfNobody(reason: Reason): boolean {
  return REFUSALS_OF_NOBODY.has(reason)
}

/** A reason that says more about the system than "its control failed". */
function isSpecific(reason: Reason): boolean {
  return (
    isTransportFailure(reason) ||
    reason === 'rate_limited' ||
    reason === 'ip_blocked' ||
    reason === 'config_error' ||
    reason === 'tls_required'
  )
}
