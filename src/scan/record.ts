import type { Wire } from '../domain/answer.ts'
import { newId } from '../domain/id.ts'
import type { Reason } from '../domain/reason.ts'
import type { Assurance, Strength, Verdict } from '../domain/verdict.ts'
import { leafOf } from '../evidence/leaf.ts'
import { applySignals } from '../findings/apply.ts'
import { type KeyedSignal, type ObservedCredential, signalsOf } from '../findings/signals.ts'
import type { DueCredential } from '../store/due.ts'
import { credentialsWithFindings } from '../store/finding.ts'
import { type CheckUpdate, insertObservations, type ObservationRow, updateCheckStates } from '../store/observation.ts'
import { nextCheck } from './schedule.ts'
import type { Session } from './session.ts'

/** What one due credential came to. */
export interface Outcome {
  row: DueCredential
  /** Epoch milliseconds, like the other numbers that end in `Ms`: there is one of these for each of a million credentials. */
  atMs: number
  verdict: Verdict
  reason: Reason
  strength: Strength
  assurance: Assurance
  confirmed: boolean
  /** When a same-principal decoy was refused, if it was asked now. */
  confirmedMs: number | undefined
  principal: string | undefined
  otherPrincipal: boolean
  wire: Wire
  latencyMs: number
  notBeforeMs: number | undefined
}

/**
 * Records a page of outcomes in one transaction: observations, check states, findings and the alerts of their edges. It either
 * all stands after a crash, or none of it does and the credentials are still due.
 */
export async function record(session: Session, outcomes: readonly Outcome[]): Promise<void> {
  if (outcomes.length === 0) return
  const { deps } = session
  const policy = deps.policy()
  const observations = outcomes.map((outcome) => observationOf(session, outcome))
  const updates = outcomes.map((outcome) =>
    updateOf(
      outcome,
      nextCheck(
        {
          ...outcome,
          terminatedAtMs: outcome.row.terminated_ms,
          rejections: outcome.row.rejections,
          failures: outcome.row.failures,
        },
        policy,
        Math.random(),
      ),
    ),
  )
  await deps.db.transaction().execute(async (tx) => {
    await insertObservations(tx, observations)
    await updateCheckStates(tx, updates)
    const signals = outcomes.flatMap((outcome, index) => signalsFor(session, outcome, observations[index]))
    await applySignals(tx, await worthApplying(tx, signals), policy, deps.raise)
  })
}

/** Most rejections close nothing: their credential has no finding. Only these are left out; what holds is always applied. */
async function worthApplying(
  tx: Parameters<typeof credentialsWithFindings>[0],
  signals: readonly KeyedSignal[],
): Promise<KeyedSignal[]> {
  const asking = signals.filter((each) => !each.signal.holds).map((each) => each.credentialId ?? '')
  const known = await credentialsWithFindings(tx, [...new Set(asking)])
  return signals.filter((each) => each.signal.holds || known.has(each.credentialId ?? ''))
}

function observationOf(session: Session, outcome: Outcome): ObservationRow {
  const { system } = session
  // In the order of canonical JSON, so that the leaf needs no sorting.
  const facts = {
    assurance: outcome.assurance,
    confirmed: outcome.confirmed,
    credential_id: outcome.row.credential_id,
    effects: system.probe.effects.length === 0 ? null : system.probe.effects.join(' '),
    id: newId(),
    identity_id: outcome.row.identity_id,
    latency_ms: Math.round(outcome.latencyMs * 1000) / 1000,
    observed_ms: outcome.atMs,
    principal: outcome.principal ?? null,
    reason: outcome.reason,
    strength: outcome.strength,
    system_id: system.id,
    trace_id: session.trace.traceId,
    transport: system.probe.transport,
    trial_id: session.trialId,
    type: 'observation',
    verdict: outcome.verdict,
    wire: outcome.wire,
  }
  return { ...facts, leaf: leafOf(facts) }
}

function updateOf(outcome: Outcome, next: ReturnType<typeof nextCheck>): CheckUpdate {
  return {
    credential_id: outcome.row.credential_id,
    verdict: outcome.verdict,
    reason: outcome.reason,
    strength: outcome.strength,
    assurance: outcome.assurance,
    observed_ms: outcome.atMs,
    due_ms: next.dueAtMs,
    verify_ms: next.verifyByMs ?? null,
    judged: next.judged,
    confirmed_ms: outcome.confirmedMs ?? null,
    rejections: next.rejections,
    failures: next.failures,
    dead: next.dead,
  }
}

function signalsFor(session: Session, outcome: Outcome, observation: ObservationRow | undefined): KeyedSignal[] {
  if (observation === undefined || (outcome.verdict === 'inconclusive' && outcome.reason !== 'any_secret_accepted')) return []
  const { row } = outcome
  const seen: ObservedCredential = {
    at: Temporal.Instant.fromEpochMilliseconds(outcome.atMs),
    systemId: session.system.id,
    identityId: row.identity_id,
    credentialId: row.credential_id,
    observationId: observation.id,
    trialId: session.trialId,
    traceId: session.trace.traceId,
    verdict: outcome.verdict,
    reason: outcome.reason,
    strength: outcome.strength,
    assurance: outcome.assurance,
    confirmed: outcome.confirmed,
    otherPrincipal: outcome.otherPrincipal,
    tier: session.system.tier,
    identityKind: row.identity_kind,
    privilege: row.privilege,
    shared: row.shared,
    handoverBy: row.handover_ms === null ? undefined : Temporal.Instant.fromEpochMilliseconds(row.handover_ms),
    terminatedAt: Temporal.Instant.fromEpochMilliseconds(row.terminated_ms),
    wasDead: row.dead,
  }
  return signalsOf(seen, session.deps.policy())
}
