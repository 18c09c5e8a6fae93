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
  at: Temporal.Instant
  verdict: Verdict
  reason: Reason
  strength: Strength
  assurance: Assurance
  confirmed: boolean
  confirmedAt: Temporal.Instant | undefined
  principal: string | undefined
  otherPrincipal: boolean
  wire: Wire
  latencyMs: number
  notBefore: Temporal.Instant | undefined
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
          terminatedAt: outcome.row.terminated_at,
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
  const facts = {
    id: newId(),
    observed_at: outcome.at.toString(),
    trial_id: session.trialId,
    credential_id: outcome.row.credential_id,
    identity_id: outcome.row.identity_id,
    system_id: system.id,
    verdict: outcome.verdict,
    reason: outcome.reason,
    strength: outcome.strength,
    assurance: outcome.assurance,
    confirmed: outcome.confirmed,
    principal: outcome.principal ?? null,
    transport: system.probe.transport,
    effects: system.probe.effects.length === 0 ? null : system.probe.effects.join(' '),
    wire: outcome.wire,
    latency_ms: Math.round(outcome.latencyMs * 1000) / 1000,
    trace_id: session.trace.traceId,
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
    observed_at: outcome.at.toString(),
    due_at: next.dueAt.toString(),
    verify_by: next.verifyBy?.toString() ?? null,
    judged: next.judged,
    confirmed_at: outcome.confirmedAt?.toString() ?? null,
    rejections: next.rejections,
    failures: next.failures,
    dead: next.dead,
  }
}

function signalsFor(session: Session, outcome: Outcome, observation: ObservationRow | undefined): KeyedSignal[] {
  if (observation === undefined || (outcome.verdict === 'inconclusive' && outcome.reason !== 'any_secret_accepted')) return []
  const { row } = outcome
  const seen: ObservedCredential = {
    at: outcome.at,
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
    handoverBy: row.handover_by ?? undefined,
    terminatedAt: row.terminated_at,
    wasDead: row.dead_at !== null,
  }
  return signalsOf(seen, session.deps.policy())
}
