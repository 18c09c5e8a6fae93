import type { Policy } from '../domain/policy.ts'
import type { Reason } from '../domain/reason.ts'
import { type Assurance, isProvenRejection, type Strength, type Verdict } from '../domain/verdict.ts'

export interface CheckOutcome {
  /** Epoch milliseconds, like every instant here: this runs for each of a million credentials. */
  atMs: number
  verdict: Verdict
  reason?: Reason
  strength: Strength
  assurance: Assurance
  terminatedAtMs: number
  /** Until then an acceptance is agreed; then it has to be over. */
  handoverMs?: number | undefined
  /** Proven rejections in a row before this one. */
  rejections: number
  /** Inconclusive answers in a row before this one. */
  failures: number
  /** Nothing may be tried before: a Retry-After, the end of a budget's window, an open circuit. */
  notBeforeMs: number | undefined
}

export interface NextCheck {
  dueAtMs: number
  /** Set when this outcome was a judgement: when the lack of a next one becomes a finding. */
  verifyByMs: number | undefined
  judged: boolean
  rejections: number
  failures: number
  /** Enough proven rejections have come in a row. */
  dead: boolean
}

/** The first pause after an answer that could not be judged; it doubles with each further one, up to the cadence. */
const FIRST_RETRY_MS = 60_000
/** Checks that fell due together are spread over this share of their pause. */
const JITTER = 0.1

/**
 * When a credential is looked at next. Pure. Accepted: by the cadence of its age. Proven dead: seldom, but for ever, since access
 * comes back. Not judged: soon, then ever less often.
 *
 * @param random 0..1, for the jitter
 */
export function nextCheck(outcome: CheckOutcome, policy: Policy, random: number): NextCheck {
  const proven = isProvenRejection(outcome)
  const judged = proven || outcome.verdict === 'accepted'
  const rejections = wasLetIn(outcome) ? 0 : proven ? outcome.rejections + 1 : outcome.rejections
  const failures = outcome.verdict === 'inconclusive' ? outcome.failures + 1 : 0
  const dead = proven && rejections >= policy.confirmRejections
  const ageMs = outcome.atMs - outcome.terminatedAtMs
  const everyMs = cadence(ageMs, policy)
  const pauseMs = proven
    ? dead
      ? deadPause(outcome, rejections, policy)
      : policy.confirmAfterMs
    : outcome.verdict === 'inconclusive'
      ? retryPause(failures, everyMs)
      : everyMs
  // The pause before the second proof is exact: latency is measured by it.
  const jittered = proven && !dead ? pauseMs : pauseMs * (1 + JITTER * (random - 0.5))
  const paced = outcome.atMs + Math.round(jittered)
  const dueAtMs = Math.max(dead ? paced : noLaterThanHandover(paced, outcome), outcome.notBeforeMs ?? 0)
  return { dueAtMs, verifyByMs: judged ? dueAtMs + policy.verifyWithinMs : undefined, judged, rejections, failures, dead }
}

/** At the date of a handover it is seen whether it was kept, however seldom the credential is tried by then. */
function noLaterThanHandover(paced: number, { atMs, handoverMs }: CheckOutcome): number {
  return handoverMs !== undefined && handoverMs > atMs ? Math.min(paced, handoverMs) : paced
}

/** The system accepted it, whatever that acceptance was worth: refusals before and after it are not in a row. */
function wasLetIn({ verdict, reason }: CheckOutcome): boolean {
  return verdict === 'accepted' || reason === 'any_secret_accepted' || reason === 'unconfirmed'
}

/** Without a canary an outage that refuses everybody looks like a revocation: what just died is looked at once more this soon. */
const SECOND_LOOK_MS = 86_400_000

function deadPause({ assurance }: CheckOutcome, rejections: number, policy: Policy): number {
  const fresh = assurance !== 'controlled' && rejections === policy.confirmRejections
  return fresh ? Math.min(policy.provenEveryMs, SECOND_LOOK_MS) : policy.provenEveryMs
}

/** How often a credential of this age is tried. */
function cadence(ageMs: number, policy: Policy): number {
  const row = policy.cadence.find((each) => each.untilMs === undefined || ageMs < each.untilMs)
  return row?.everyMs ?? policy.provenEveryMs
}

function retryPause(failures: number, everyMs: number): number {
  return Math.min(everyMs, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20))
}
