import { nameOf } from '../domain/account-name.ts'
import { toError } from '../domain/error.ts'
import { judgeFailure } from '../probe/failure.ts'
import type { BoundSecret } from '../probe/probe.ts'
import { type DueCredential, isStillDue } from '../store/due.ts'
import { budgetEnds } from '../store/lockout-budget.ts'
import { budgetAccount, NAMELESS } from './account.ts'
import type { TimedJudgement } from './attempt.ts'
import { type Confirmation, confirm } from './confirm.ts'
import type { Span } from './deps.ts'
import type { Outcome } from './record.ts'
import { type Backing, EXHAUSTED, type MayStill, type Session, tryWithin } from './session.ts'
import { guardOf } from './spend.ts'

/**
 * Replays one due credential and says what it came to; undefined where it is due no more: its identity came back, say. Never throws for a
 * reason that lies with the credential or its system.
 */
export async function replay(session: Session, row: DueCredential): Promise<Outcome | undefined> {
  const opening = opened(session, row)
  const secret = opening instanceof Promise ? await opening : opening
  if ('verdict' in secret) return secret
  const account = budgetAccount(session.system, secret.account, row.principal ?? undefined)
  // Tried all the same it would have a budget of its own, on top of its account's.
  if (account === NAMELESS) return untried(session, row, { reason: 'config_error', wire: { missing: 'principal' } }, undefined)
  const span = session.trace.attempt({})
  const outcome = await judge(session, row, { secret, account }, span).catch((error: unknown) => {
    if (error instanceof Withdrawn) return undefined
    throw error
  })
  // Ended only now: the trace shows an acceptance once it is confirmed, and never before.
  span.end(outcome ?? NOT_MADE)
  return outcome
}

const NOT_MADE = { verdict: 'inconclusive', reason: 'credential_not_evaluated', latencyMs: 0, wire: {} } as const

/** How old what was read may be when it is sent: so soon after somebody came back nothing of theirs is tried any more. */
const FRESH_MS = 1_000

/** It is due no more. */
class Withdrawn extends Error {}

function mayStillOf({ deps }: Session, row: DueCredential): MayStill {
  return () => {
    if (row.read_ms !== undefined && performance.now() - row.read_ms < FRESH_MS) return undefined
    return isStillDue(deps.db, row, deps.now()).then((still) => {
      if (!still) throw new Withdrawn()
    })
  }
}

/** Opens a credential's secret; answers what it came to where that fails. A promise only where the secret has to be fetched. */
export function opened(session: Session, row: DueCredential): BoundSecret | Outcome | Promise<BoundSecret | Outcome> {
  const failed = (error: unknown) =>
    outcomeOf(session, row, { ...judgeFailure(toError(error), false), latencyMs: 0 }, NO_BACKING, '')
  try {
    const value = session.deps.openSecret(row, session.system)
    if (value instanceof Promise) return value.then((given) => session.system.probe.secret(given)).catch(failed)
    return session.system.probe.secret(value)
  } catch (error) {
    return failed(error)
  }
}

/** A secret, and the account whose lockout budget its tries take from; undefined where no wrong try can lock anyone. */
interface Replayed {
  secret: BoundSecret
  account: string | undefined
}

async function judge(session: Session, row: DueCredential, what: Replayed, span: Span): Promise<Outcome> {
  const { secret, account } = what
  const guard = guardOf(session, row, secret)
  const mayStill = mayStillOf(session, row)
  const judgement = await tryWithin(session, secret, account, 'replay', { open: span, guard, mayStill })
  if (judgement === EXHAUSTED) return exhausted(session, row, what)
  if (judgement.verdict !== 'accepted') return outcomeOf(session, row, judgement, session.backing, secret.form)
  return confirmed(session, row, what, judgement)
}

/** The outcome of a credential that was due and not tried. */
export function untried(
  session: Session,
  row: DueCredential,
  judgement: Pick<TimedJudgement, 'reason' | 'wire'>,
  notBeforeMs: number | undefined,
): Outcome {
  const full: TimedJudgement = { verdict: 'inconclusive', strength: 'strong', latencyMs: 0, ...judgement }
  return { ...outcomeOf(session, row, full, NO_BACKING, ''), notBeforeMs }
}

const NO_BACKING: Pick<Backing, 'assurance' | 'canaryFailed' | 'canaryForm'> = {
  assurance: 'none',
  canaryFailed: false,
  canaryForm: undefined,
}

/** What is left of a rejection once the canary has failed: an answer, and no proof. Other outcomes stay as they are. */
export function disown(outcome: Outcome): Outcome {
  if (outcome.verdict !== 'rejected') return outcome
  const { reason, wire } = outcome
  return {
    ...outcome,
    verdict: 'inconclusive',
    reason: 'canary_failed',
    assurance: 'none',
    wire: { ...wire, rejected_as: reason },
  }
}

async function confirmed(
  session: Session,
  row: DueCredential,
  { secret, account }: Replayed,
  judgement: TimedJudgement,
): Promise<Outcome> {
  const confirmation: Confirmation = await confirm(session, row, secret, account)
  const expected = secret.expects ?? row.principal ?? undefined
  const base = outcomeOf(session, row, judgement, session.backing, secret.form)
  if (!confirmation.confirmed) {
    const reason = confirmation.reason === 'budget_exhausted' ? 'unconfirmed' : confirmation.reason
    const ends =
      confirmation.reason === 'budget_exhausted' && account !== undefined
        ? await budgetEnds(session.deps.db, session.system.realm, account)
        : undefined
    return {
      ...base,
      verdict: 'inconclusive',
      reason,
      control: confirmation.control,
      wire: { ...judgement.wire, accepted_as: judgement.reason },
      notBeforeMs: ends?.epochMilliseconds,
    }
  }
  return {
    ...base,
    confirmed: true,
    confirmedMs: confirmation.atMs,
    control: confirmation.control,
    otherPrincipal: isOther(expected, judgement.principal),
  }
}

async function exhausted(session: Session, row: DueCredential, { secret, account }: Replayed): Promise<Outcome> {
  const ends = account === undefined ? undefined : await budgetEnds(session.deps.db, session.system.realm, account)
  return {
    ...outcomeOf(
      session,
      row,
      { verdict: 'inconclusive', reason: 'budget_exhausted', strength: 'strong', wire: {}, latencyMs: 0 },
      session.backing,
      secret.form,
    ),
    notBeforeMs: ends?.epochMilliseconds,
  }
}

function outcomeOf(
  session: Session,
  row: DueCredential,
  judgement: TimedJudgement,
  backing: Pick<Backing, 'assurance' | 'canaryFailed' | 'canaryForm'>,
  form: string,
): Outcome {
  const atMs = session.deps.now().epochMilliseconds
  // A canary of another form (a key beside passwords) has come by another path: it vouches for nothing here.
  const other = backing.assurance === 'controlled' && form !== backing.canaryForm
  const outcome: Outcome = {
    row,
    atMs,
    verdict: judgement.verdict,
    reason: judgement.reason,
    strength: judgement.strength,
    assurance: other ? 'explicit' : backing.assurance,
    confirmed: false,
    confirmedMs: undefined,
    control: undefined,
    principal: judgement.principal,
    otherPrincipal: false,
    wire: judgement.wire,
    latencyMs: judgement.latencyMs,
    notBeforeMs: judgement.retryAfterMs === undefined ? undefined : atMs + judgement.retryAfterMs,
  }
  return backing.canaryFailed ? disown(outcome) : outcome
}

/**
 * Names are compared without case: systems print them as they like. An answer that names nobody contradicts nobody, and neither does
 * one that names somebody in another way: a directory says `uid=anna,ou=people`, `CORP\\anna` or `anna@corp.example` for `anna`.
 */
export function isOther(expected: string | undefined, answered: string | undefined): boolean {
  if (expected === undefined || answered === undefined) return false
  const [a, b] = [nameOf(expected), nameOf(answered)]
  if (a.whole === b.whole) return false
  if (a.style === b.style) return true
  return a.short !== undefined && b.short !== undefined && a.short !== b.short
}
