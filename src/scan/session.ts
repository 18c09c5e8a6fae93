import type { Wire } from '../domain/answer.ts'
import type { Control } from '../domain/control.ts'
import { controlFacts } from '../domain/facts/control.ts'
import { newId } from '../domain/id.ts'
import { leafOf } from '../domain/leaf.ts'
import type { Assurance } from '../domain/verdict.ts'
import type { BoundSecret } from '../probe/probe.ts'
import { countTry, markLocked, refundTry, reserveTries } from '../store/lockout-budget.ts'
import type { ControlRow } from '../store/observation.ts'
import { pinPeer } from '../store/system.ts'
import type { PassedControls } from '../store/tables.ts'
import { attempt, type TimedJudgement } from './attempt.ts'
import type { Span, Trace, TrialDeps } from './deps.ts'
import type { Slots } from './slots.ts'
import { storableWire } from './storable.ts'
import type { ScanSystem } from './system.ts'

/** What the attempts of one trial share. */
export interface Session {
  readonly trialId: string
  readonly system: ScanSystem
  readonly deps: TrialDeps
  readonly trace: Trace
  /** Aborts when the trial must stop at once. */
  readonly signal: AbortSignal
  /** Ends what only waits for its turn, when the trial must begin no further attempt; those in flight go on. */
  readonly halt: AbortController
  /** Aborts with either of the two. */
  readonly waits: AbortSignal
  readonly running: Set<AbortController>
  readonly slots: Slots
  readonly backing: Backing
  pinnedPeer: string | undefined
}

/** How the trial's controls stand behind its replays. Changes when the canary fails while the trial runs. */
export interface Backing {
  assurance: Assurance
  /** The canary was configured and not accepted. */
  canaryFailed: boolean
  /** The form of the canary's secret: it vouches for no other. */
  canaryForm: string | undefined
  /** Confirmations from before this instant are of another configuration, or of a system that was open. */
  confirmedSinceMs: number
  /** The controls themselves; undefined while there are none. */
  controls: PassedControls | undefined
}

/** An attempt that the lockout budget forbade. */
export const EXHAUSTED = 'exhausted'

/** Reasons with which no wrong try was counted: the secret never reached the system. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  'tls_error',
  'host_key_mismatch',
  'config_error',
  'secret_unavailable',
  'auth_method_disabled',
  'auth_method_unsupported',
])

/** No connection came about. A reset, or an attempt that we broke off, may have come after the secret was sent. */
const NEVER_CONNECTED: ReadonlySet<Wire[string] | undefined> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/** Throws, or rejects, where an attempt must not be made any more. */
export type MayStill = () => undefined | Promise<void>

/** Stands around the sending alone: everything else is ready before it, and nobody hears of the answer until it is done. */
export type Guard = (send: () => Promise<TimedJudgement>) => Promise<TimedJudgement>

/**
 * One attempt within the trial's limits: waits for the rate, takes a try of the account's lockout budget beforehand and gives it
 * back where the system counted none, stops the account at the first lock signal, pins the peer, writes the span and the metric.
 *
 * @param account the account whose budget a wrong try takes from (`budgetAccount`); undefined for made-up principals and bearer tokens
 * @param open left out: the span is made and ended here; given: the caller ends it, once it knows what the answer is worth
 * @param guard of an attempt that may spend its secret
 * @param mayStill asked when its turn has come, which may be long after its secret was read; what it throws calls the attempt off
 */
export async function tryWithin(
  session: Session,
  secret: BoundSecret,
  account: string | undefined,
  what: Control | 'replay',
  { open, guard, mayStill }: { open?: Span; guard?: Guard; mayStill?: MayStill } = {},
): Promise<TimedJudgement | typeof EXHAUSTED> {
  const { system, deps, slots } = session
  if (account !== undefined) {
    const granted = await reserveTries(deps.db, system.realm, [account], windowOf(system), deps.now())
    if (!granted.has(account)) return EXHAUSTED
  }
  const slot = slots.take()
  if (slot !== undefined) await slot
  let span: Span
  let judgement: TimedJudgement
  try {
    await turnOf(session, account, mayStill)
    span = open ?? session.trace.attempt({ control: what })
    const send = () =>
      attempt(secret, {
        timeoutMs: system.limits.timeoutMs,
        http: system.http,
        attribution: system.attribution,
        reference: system.reference,
        pinnedPeer: session.pinnedPeer,
        running: session.running,
      })
    judgement = guard === undefined ? await send() : await guard(send)
  } finally {
    slots.release()
  }
  if (open === undefined) span.end(judgement)
  deps.meters.attempt({
    system: system.name,
    probe: system.probe.kind,
    verdict: judgement.verdict,
    reason: judgement.reason,
    latencyMs: judgement.latencyMs,
  })
  if (account !== undefined) await settleBudget(session, account, judgement)
  if (judgement.peer !== undefined && session.pinnedPeer === undefined) session.pinnedPeer = await pin(session, judgement.peer)
  return judgement
}

function pin({ system, deps }: Session, peer: string): Promise<string> {
  const by = { actor: `daemon ${deps.instance}`, at: deps.now() }
  return pinPeer(deps.db, system.id, { origin: system.probe.origin, peer }, by)
}

/** Waits for the rate. Whoever is called off while waiting, or when his turn has come, has tried nothing. */
async function turnOf(
  { system, deps, waits }: Session,
  account: string | undefined,
  mayStill: MayStill | undefined,
): Promise<void> {
  try {
    const turn = system.rate.acquire(waits)
    if (turn !== undefined) await turn
    const asked = mayStill?.()
    if (asked !== undefined) await asked
  } catch (error) {
    if (account !== undefined) await refundTry(deps.db, system.realm, account)
    throw error
  }
}

/** The row that records a control. */
export function controlRow(
  session: Session,
  control: Control,
  judgement: TimedJudgement,
  at: Temporal.Instant,
  credentialId?: string,
): ControlRow {
  const facts = {
    id: newId(),
    trial_id: session.trialId,
    system_id: session.system.id,
    credential_id: credentialId ?? null,
    control,
    verdict: judgement.verdict,
    reason: judgement.reason,
    strength: judgement.strength,
    wire: storableWire(judgement.wire),
    latency_ms: judgement.latencyMs,
    transport: session.system.probe.transport,
  }
  const observedMs = at.epochMilliseconds
  return {
    ...facts,
    observed_at: Temporal.Instant.fromEpochMilliseconds(observedMs).toString(),
    leaf: leafOf(controlFacts(facts, observedMs)),
  }
}

async function settleBudget(session: Session, account: string, judgement: TimedJudgement): Promise<void> {
  const { system, deps } = session
  const until = deps.now().add({ milliseconds: system.limits.failuresPerPrincipal.perMs })
  if (judgement.reason === 'account_locked' || judgement.reason === 'account_disabled_or_locked')
    await markLocked(deps.db, system.realm, account, until)
  else if (isUncounted(judgement)) await refundTry(deps.db, system.realm, account)
  else await countTry(deps.db, system.realm, account, until)
}

/** True where the system counted no wrong try. */
function isUncounted({ verdict, reason, wire }: TimedJudgement): boolean {
  if (verdict !== 'inconclusive') return verdict === 'accepted'
  return NEVER_SENT.has(reason) || (reason === 'unreachable' && NEVER_CONNECTED.has(wire.error))
}

function windowOf(system: ScanSystem): { count: number; windowMs: number } {
  return { count: system.limits.failuresPerPrincipal.count, windowMs: system.limits.failuresPerPrincipal.perMs }
}
