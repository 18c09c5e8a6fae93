import type { Control, Decoy } from '../domain/control.ts'
import { toError } from '../domain/error.ts'
import type { Reason } from '../domain/reason.ts'
import type { Assurance } from '../domain/verdict.ts'
import { judgeFailure } from '../probe/failure.ts'
import type { BoundSecret } from '../probe/probe.ts'
import { type ControlRow, insertControls } from '../store/observation.ts'
import { saveControls } from '../store/system.ts'
import type { PassedControls } from '../store/tables.ts'
import { budgetAccount, NAMELESS } from './account.ts'
import type { TimedJudgement } from './attempt.ts'
import { isTransportFailure } from './breaker.ts'
import { controlRow, EXHAUSTED, type Session, tryWithin } from './session.ts'
import { beliefGuardOf } from './spend.ts'

/** What the controls of a trial allow it to say. */
export type ControlsOutcome =
  | { kind: 'passed'; controls: PassedControls }
  /** A decoy was accepted: the system asks nobody for a credential, or the probe is blind. */
  | { kind: 'open' }
  /** A decoy could not be judged: nothing else can be. */
  | { kind: 'unjudged'; reason: Reason; cause: TimedJudgement }
  /** The canary was not accepted: no rejection of this trial means anything. */
  | { kind: 'canary-failed'; controls: PassedControls }
  /** The sample does not fit the target, so that no decoy could be sent. */
  | { kind: 'unfit' }

const DECOYS: readonly Decoy[] = ['nobody', 'stranger']

/**
 * Runs the decoys, then the canary. Each costs the system one attempt, so a passed set is kept and serves later trials until its
 * time is up. Every control is recorded, whatever it said.
 *
 * @param sample a secret of the kind that the trial will replay, from which the decoys are shaped
 * @param before the controls that were kept last
 */
export async function runControls(
  session: Session,
  sample: BoundSecret,
  before: PassedControls | null,
): Promise<ControlsOutcome> {
  const rows: ControlRow[] = []
  try {
    return await judgeControls(session, sample, before, rows)
  } finally {
    await insertControls(session.deps.db, rows)
  }
}

/** The controls that passed lately, if they still serve: what is configured must be what they were asked of. */
export function stillPassed(kept: PassedControls | null, now: Temporal.Instant, subject: string): ControlsOutcome | undefined {
  if (kept === null || kept.subject !== subject) return undefined
  if (Temporal.Instant.compare(Temporal.Instant.from(kept.validUntil), now) <= 0) return undefined
  return { kind: 'passed', controls: kept }
}

/** Asks the canary once more in a running trial, and records what it said. */
export async function askCanaryAgain(session: Session, read: () => Promise<BoundSecret>): Promise<TimedJudgement> {
  const { judgement } = await askCanary(session, read)
  await insertControls(session.deps.db, [controlRow(session, 'canary', judgement, session.deps.now())])
  return judgement
}

async function judgeControls(
  session: Session,
  sample: BoundSecret,
  before: PassedControls | null,
  rows: ControlRow[],
): Promise<ControlsOutcome> {
  const { system, deps } = session
  const startedAt = deps.now()
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
    if (judgement.reason === 'secret_unavailable') return { kind: 'unfit' }
    record(decoy, judgement)
    if (judgement.verdict === 'accepted' || judgement.reason === 'endpoint_unauthenticated') {
      await saveControls(deps.db, system.id, undefined)
      return { kind: 'open' }
    }
    // Asked without any credential, many systems answer with a challenge that judges nobody: that is a refusal too.
    const refused = judgement.verdict === 'rejected' || (decoy === 'nobody' && isRefusalOfNobody(judgement.reason))
    if (!refused)
      return {
        kind: 'unjudged',
        reason: isSpecific(judgement.reason) ? judgement.reason : 'control_failed',
        cause: judgement,
      }
  }
  const { canary, subject, validForMs } = system.controls
  const keep = async (assurance: Assurance, servesMs: number, form?: string): Promise<PassedControls> => {
    const now = deps.now()
    const controls: PassedControls = {
      trialId: session.trialId,
      assurance,
      at: now.toString(),
      validUntil: now.add({ milliseconds: servesMs }).toString(),
      controls: done,
      subject,
      since: before?.subject === subject ? before.since : startedAt.toString(),
      ...(form === undefined ? {} : { form }),
    }
    await saveControls(deps.db, system.id, controls)
    return controls
  }
  if (canary === undefined) return { kind: 'passed', controls: await keep(done.length > 0 ? 'explicit' : 'none', validForMs) }
  const { judgement, form } = await askCanary(session, canary)
  record('canary', judgement)
  if (judgement.verdict !== 'accepted') return { kind: 'canary-failed', controls: await keep('none', 0) }
  return { kind: 'passed', controls: await keep('controlled', validForMs, form) }
}

async function askCanary(
  session: Session,
  read: () => Promise<BoundSecret>,
): Promise<{ judgement: TimedJudgement; form?: string }> {
  try {
    const secret = await read()
    const { system } = session
    // It is a reference: nobody would keep its successor, and the next trial would send what is spent.
    if (secret.spends !== undefined) return { judgement: unasked('config_error', { canary: 'spent_by_its_replay' }) }
    const account = budgetAccount(system, secret.account, system.controls.canaryAccount)
    if (account === NAMELESS) return { judgement: unasked('config_error', { missing: 'controls.canaryAccount' }) }
    const judgement = await tryWithin(session, secret, account, 'canary', { guard: beliefGuardOf(session, secret) })
    return judgement === EXHAUSTED ? { judgement: unasked('budget_exhausted', {}) } : { judgement, form: secret.form }
  } catch (error) {
    if (session.waits.aborted) throw error
    return { judgement: { ...judgeFailure(toError(error), false), latencyMs: 0 } }
  }
}

function unasked(reason: Reason, wire: TimedJudgement['wire']): TimedJudgement {
  return { verdict: 'inconclusive', reason, strength: 'strong', wire, latencyMs: 0 }
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
