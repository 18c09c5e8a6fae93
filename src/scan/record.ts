import type { Wire } from '../domain/answer.ts'
import { observationFacts } from '../domain/facts/observation.ts'
import { newId } from '../domain/id.ts'
import { leafOf } from '../domain/leaf.ts'
import { type Policy, policyFor } from '../domain/policy.ts'
import type { Reason } from '../domain/reason.ts'
import type { Assurance, Strength, Verdict } from '../domain/verdict.ts'
import { applySignals } from '../findings/apply.ts'
import { type KeyedSignal, type ObservedCredential, signalsOf } from '../findings/signals.ts'
import type { Queryable } from '../store/db.ts'
import type { DueCredential } from '../store/due.ts'
import { credentialsWithFindings } from '../store/finding.ts'
import { type ControlRow, type PageFacts, type RecordedRow, recordPage } from '../store/observation.ts'
import { transact } from '../store/transact.ts'
import { nextCheck } from './schedule.ts'
import type { Session } from './session.ts'
import { storable, storableWire } from './storable.ts'

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
  /** The same-principal decoy, if it was asked now. */
  control: ControlRow | undefined
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
  const { deps, system } = session
  const policy = deps.policy()
  const page: PageFacts = {
    trialId: session.trialId,
    systemId: system.id,
    transport: system.probe.transport,
    effects: system.probe.effects.length === 0 ? null : system.probe.effects.join(' '),
    traceId: session.trace.traceId,
  }
  const rows = outcomes.map((outcome) => rowOf(page, outcome, ruled(session, outcome.row, policy)))
  const controls = outcomes.flatMap(({ control }) => control ?? [])
  await transact(deps.db, async (tx) => {
    const moved = await recordPage(tx, page, rows, controls)
    // Whatever was changed under the trial's feet is judged anew: this answer opens and closes nothing.
    const current = outcomes.filter((outcome) => moved.has(outcome.row.credential_id))
    await applySignals(tx, await signalsOfPage(tx, session, current, rows), policy, deps.raise)
  })
}

/** The policy with what its rules say of a credential. */
function ruled({ system }: Session, row: DueCredential, policy: Policy): Policy {
  if (policy.rules === undefined) return policy
  const facts = { tier: system.tier, system: system.name, identityKind: row.identity_kind, privilege: row.privilege }
  const { cadence, provenEveryMs } = policyFor(policy, { ...facts, credentialKind: row.credential_kind })
  return {
    ...policy,
    ...(cadence === undefined ? {} : { cadence }),
    ...(provenEveryMs === undefined ? {} : { provenEveryMs }),
  }
}

/** The signals of a page. Most rejections close nothing, since their credential never had a finding: those are left out unseen. */
async function signalsOfPage(
  tx: Queryable,
  session: Session,
  outcomes: readonly Outcome[],
  rows: readonly RecordedRow[],
): Promise<KeyedSignal[]> {
  const speaking = outcomes.filter(({ verdict, reason }) => verdict !== 'inconclusive' || reason === 'any_secret_accepted')
  if (speaking.length === 0) return []
  const rejected = speaking.filter(({ verdict }) => verdict === 'rejected').map(({ row }) => row.credential_id)
  const known = await credentialsWithFindings(tx, rejected)
  const telling = speaking.filter(({ verdict, row }) => verdict !== 'rejected' || known.has(row.credential_id))
  if (telling.length === 0) return []
  const recorded = new Map(rows.map((row) => [row.credential_id, row]))
  return telling.flatMap((outcome) => {
    const row = recorded.get(outcome.row.credential_id)
    return row === undefined ? [] : signalsFor(session, outcome, row)
  })
}

function rowOf(page: PageFacts, outcome: Outcome, policy: Policy): RecordedRow {
  const { row } = outcome
  const next = nextCheck(
    {
      ...outcome,
      terminatedAtMs: row.terminated_ms,
      handoverMs: row.handover_ms ?? undefined,
      rejections: row.rejections,
      failures: row.failures,
    },
    policy,
    Math.random(),
  )
  const id = newId()
  const latencyMs = Math.round(outcome.latencyMs * 1000) / 1000
  const principal = outcome.principal === undefined ? null : storable(outcome.principal)
  const wire = storableWire(outcome.wire)
  return {
    id,
    observed_ms: outcome.atMs,
    credential_id: row.credential_id,
    identity_id: row.identity_id,
    verdict: outcome.verdict,
    reason: outcome.reason,
    strength: outcome.strength,
    assurance: outcome.assurance,
    confirmed: outcome.confirmed,
    principal,
    wire,
    latency_ms: latencyMs,
    leaf: leafOf(
      observationFacts(
        {
          id,
          trial_id: page.trialId,
          credential_id: row.credential_id,
          identity_id: row.identity_id,
          system_id: page.systemId,
          verdict: outcome.verdict,
          reason: outcome.reason,
          strength: outcome.strength,
          assurance: outcome.assurance,
          confirmed: outcome.confirmed,
          principal,
          transport: page.transport,
          effects: page.effects,
          wire,
          latency_ms: latencyMs,
          trace_id: page.traceId,
        },
        outcome.atMs,
      ),
    ),
    seen_due: row.due_at,
    due_ms: next.dueAtMs,
    verify_ms: next.verifyByMs ?? null,
    judged: next.judged,
    confirmed_ms: outcome.confirmedMs ?? null,
    rejections: next.rejections,
    failures: next.failures,
    dead: next.dead,
  }
}

function signalsFor(session: Session, outcome: Outcome, recorded: RecordedRow): KeyedSignal[] {
  const { row } = outcome
  const seen: ObservedCredential = {
    at: Temporal.Instant.fromEpochMilliseconds(outcome.atMs),
    systemId: session.system.id,
    identityId: row.identity_id,
    credentialId: row.credential_id,
    observationId: recorded.id,
    rejections: recorded.rejections,
    trialId: session.trialId,
    traceId: session.trace.traceId,
    verdict: outcome.verdict,
    reason: outcome.reason,
    strength: outcome.strength,
    assurance: outcome.assurance,
    confirmed: outcome.confirmed,
    otherPrincipal: outcome.otherPrincipal,
    tier: session.system.tier,
    system: session.system.name,
    identityKind: row.identity_kind,
    privilege: row.privilege,
    credentialKind: row.credential_kind,
    shared: row.shared,
    handoverBy: row.handover_ms === null ? undefined : Temporal.Instant.fromEpochMilliseconds(row.handover_ms),
    terminatedAt: Temporal.Instant.fromEpochMilliseconds(row.terminated_ms),
    wasDead: row.dead,
  }
  return signalsOf(seen, session.deps.policy())
}
