import { toError } from '../domain/error.ts'
import type { Assurance } from '../domain/verdict.ts'
import { judgeFailure } from '../probe/failure.ts'
import type { BoundSecret } from '../probe/probe.ts'
import type { DueCredential } from '../store/due.ts'
import { budgetEnds } from '../store/lockout-budget.ts'
import type { TimedJudgement } from './attempt.ts'
import { type Confirmation, confirm } from './confirm.ts'
import type { Span } from './deps.ts'
import type { Outcome } from './record.ts'
import { EXHAUSTED, type Session, tryWithin } from './session.ts'

/** How the trial's controls stand behind its replays. */
export interface Backing {
  assurance: Assurance
  /** The canary was configured and not accepted. */
  canaryFailed: boolean
}

/** Replays one due credential and says what it came to. Never throws for a reason that lies with the credential or its system. */
export async function replay(session: Session, row: DueCredential, backing: Backing): Promise<Outcome> {
  let secret: BoundSecret
  try {
    const opened = session.deps.openSecret(row, session.system)
    secret = session.system.probe.secret(opened instanceof Promise ? await opened : opened)
  } catch (error) {
    return outcomeOf(session, row, { ...judgeFailure(toError(error), false), latencyMs: 0 }, backing)
  }
  const span = session.trace.attempt({})
  const outcome = await judge(session, row, secret, span, backing)
  // Ended only now: the trace shows an acceptance once it is confirmed, and never before.
  span.end(outcome)
  return outcome
}

async function judge(session: Session, row: DueCredential, secret: BoundSecret, span: Span, backing: Backing): Promise<Outcome> {
  const judgement = await tryWithin(session, secret, secret.account, 'replay', span)
  if (judgement === EXHAUSTED) return exhausted(session, row, secret.account, backing)
  if (judgement.verdict !== 'accepted') return outcomeOf(session, row, judgement, backing)
  return confirmed(session, row, secret, judgement, backing)
}

/** The outcome of a credential that was due and not tried. */
export function untried(
  session: Session,
  row: DueCredential,
  judgement: Pick<TimedJudgement, 'reason' | 'wire'>,
  notBeforeMs: number | undefined,
): Outcome {
  const full: TimedJudgement = { verdict: 'inconclusive', strength: 'strong', latencyMs: 0, ...judgement }
  return { ...outcomeOf(session, row, full, { assurance: 'none', canaryFailed: false }), notBeforeMs }
}

async function confirmed(
  session: Session,
  row: DueCredential,
  secret: BoundSecret,
  judgement: TimedJudgement,
  backing: Backing,
): Promise<Outcome> {
  const confirmation: Confirmation = await confirm(session, row, secret)
  const expected = secret.expects ?? row.principal ?? undefined
  const base = outcomeOf(session, row, judgement, backing)
  if (!confirmation.confirmed) {
    const reason = confirmation.reason === 'budget_exhausted' ? 'unconfirmed' : confirmation.reason
    const ends =
      confirmation.reason === 'budget_exhausted' && secret.account !== undefined
        ? await budgetEnds(session.deps.db, session.system.realm, secret.account)
        : undefined
    return {
      ...base,
      verdict: 'inconclusive',
      reason,
      wire: { ...judgement.wire, accepted_as: judgement.reason },
      notBeforeMs: ends?.epochMilliseconds,
    }
  }
  return { ...base, confirmed: true, confirmedMs: confirmation.atMs, otherPrincipal: isOther(expected, judgement.principal) }
}

async function exhausted(session: Session, row: DueCredential, account: string | undefined, backing: Backing): Promise<Outcome> {
  const ends = account === undefined ? undefined : await budgetEnds(session.deps.db, session.system.realm, account)
  return {
    ...outcomeOf(
      session,
      row,
      { verdict: 'inconclusive', reason: 'budget_exhausted', strength: 'strong', wire: {}, latencyMs: 0 },
      backing,
    ),
    notBeforeMs: ends?.epochMilliseconds,
  }
}

function outcomeOf(session: Session, row: DueCredential, judgement: TimedJudgement, backing: Backing): Outcome {
  const atMs = session.deps.now().epochMilliseconds
  const disowned = judgement.verdict === 'rejected' && backing.canaryFailed
  return {
    row,
    atMs,
    verdict: disowned ? 'inconclusive' : judgement.verdict,
    reason: disowned ? 'canary_failed' : judgement.reason,
    strength: judgement.strength,
    assurance: backing.assurance,
    confirmed: false,
    confirmedMs: undefined,
    principal: judgement.principal,
    otherPrincipal: false,
    wire: disowned ? { ...judgement.wire, rejected_as: judgement.reason } : judgement.wire,
    latencyMs: judgement.latencyMs,
    notBeforeMs: judgement.retryAfterMs === undefined ? undefined : atMs + judgement.retryAfterMs,
  }
}

/** Names are compared without case: systems print them as they like. An answer that names nobody contradicts nobody. */
function isOther(expected: string | undefined, answered: string | undefined): boolean {
  return expected !== undefined && answered !== undefined && expected.toLowerCase() !== answered.toLowerCase()
}
