import { newId } from '../domain/id.ts'
import type { Reason } from '../domain/reason.ts'
import type { Assurance } from '../domain/verdict.ts'
import { applySignals } from '../findings/apply.ts'
import { type KeyedSignal, systemSignal } from '../findings/signals.ts'
import type { BoundSecret } from '../probe/probe.ts'
import { type DueCredential, duePage } from '../store/due.ts'
import { isPaused } from '../store/pause.ts'
import { closeWindow, findSystem, holdSystem, type SystemRow } from '../store/system.ts'
import { transact } from '../store/transact.ts'
import { finishTrial, startTrial } from '../store/trial.ts'
import { BREAKER_THRESHOLD, holdMs, isTransportFailure } from './breaker.ts'
import { type ControlsOutcome, runControls, stillPassed } from './controls.ts'
import type { TrialDeps } from './deps.ts'
import { type Feed, openFeed } from './feed.ts'
import { openRecorder } from './recorder.ts'
import { type Backing, replay, untried } from './replay.ts'
import type { Session } from './session.ts'
import type { ScanSystem } from './system.ts'

export interface TrialJob {
  systemId: string
  shard: number
}

export interface TrialSummary {
  outcome: TrialOutcome
  accepted: number
  rejected: number
  inconclusive: number
}

/**
 * `void`: a decoy was accepted. `unjudged`: a decoy could not be judged. `blind`: the canary was not accepted. `held`: the system
 * asked us to stay away, or stopped answering. `paused`: an operator did. `stopped`: the process or the job ended, or another
 * configuration came. `unfinished`: the time budget ended.
 * `failed`: we could not go on, most often for want of a database; what was not recorded is still due.
 */
export type TrialOutcome =
  | 'skipped'
  | 'completed'
  | 'void'
  | 'unjudged'
  | 'blind'
  | 'held'
  | 'paused'
  | 'stopped'
  | 'unfinished'
  | 'failed'

/** Trials in a row whose controls could not be judged, after which the system counts as blind. */
const BLIND_AFTER = 3
/** How long a system that is limiting us is left alone when it does not say. */
const DEFAULT_RETRY_MS = 60_000

/**
 * One controlled run against one system: decoys, canary, replays, confirmations, each page recorded as it is done. It reads what is
 * due when it starts and answers when nothing is left, its time is up, the system wants to be left alone, or the signal aborts.
 */
export async function runTrial(job: TrialJob, signal: AbortSignal, deps: TrialDeps): Promise<TrialSummary> {
  const system = deps.system(job.systemId)
  const row = await findSystem(deps.db, job.systemId)
  const nothing: TrialSummary = { outcome: 'skipped', accepted: 0, rejected: 0, inconclusive: 0 }
  if (system === undefined || row === undefined || (await mayNotRun(deps, row))) return nothing
  const now = deps.now()
  const feed = openFeed<DueCredential>((after) =>
    duePage(deps.db, {
      systemId: system.id,
      shard: job.shard,
      shards: system.limits.shards,
      now,
      limit: deps.pageSize,
      after: after === undefined ? undefined : { dueAt: after.due_at, credentialId: after.credential_id },
    }),
  )
  const first = await feed.take()
  if (first === undefined) {
    if (system.nextWindow !== undefined) await closeWindow(deps.db, system.id, system.nextWindow(now))
    return nothing
  }
  return conduct(job, signal, deps, system, row, unshift(feed, first), first)
}

async function mayNotRun(deps: TrialDeps, row: SystemRow): Promise<boolean> {
  if (row.retired_at !== null) return true
  if (row.hold_until !== null && Temporal.Instant.compare(row.hold_until, deps.now()) > 0) return true
  return isPaused(deps.db, row.id)
}

async function conduct(
  job: TrialJob,
  signal: AbortSignal,
  deps: TrialDeps,
  system: ScanSystem,
  row: SystemRow,
  feed: Feed<DueCredential>,
  first: DueCredential,
): Promise<TrialSummary> {
  const trialId = newId()
  const startedAt = deps.now()
  const started = performance.now()
  const trace = deps.trace({ system: system.name, probe: system.probe.kind, zone: row.zone, shard: job.shard })
  await startTrial(deps.db, {
    id: trialId,
    systemId: system.id,
    shard: job.shard,
    zone: row.zone,
    instance: deps.instance,
    traceId: trace.traceId,
    startedAt,
  })
  const session: Session = { trialId, system, deps, trace, signal, running: new Set(), pinnedPeer: row.pinned_peer ?? undefined }
  const recorder = openRecorder(session)
  const abort = () => {
    for (const controller of session.running) controller.abort(signal.reason)
  }
  signal.addEventListener('abort', abort, { once: true })
  let outcome: TrialOutcome = 'stopped'
  let assurance: Assurance = 'none'
  try {
    const ran = await stages(session, row, feed, first, recorder, started)
    outcome = ran.outcome
    assurance = ran.assurance
  } catch (error) {
    if (!isCutShort(error, signal)) {
      outcome = 'failed'
      throw error
    }
  } finally {
    signal.removeEventListener('abort', abort)
    await recorder.close()
    await finishTrial(deps.db, trialId, { outcome, assurance, ...recorder.counts(), finishedAt: deps.now() })
    trace.end(outcome)
    deps.meters.trial({ system: system.name, outcome, durationMs: performance.now() - started })
  }
  deps.log('info', 'trial finished', { system: system.name, outcome, ...recorder.counts(), trace_id: trace.traceId })
  return { outcome, ...recorder.counts() }
}

type Recorder = ReturnType<typeof openRecorder>
interface Stages {
  outcome: TrialOutcome
  assurance: Assurance
}

async function stages(
  session: Session,
  row: SystemRow,
  feed: Feed<DueCredential>,
  first: DueCredential,
  recorder: Recorder,
  started: number,
): Promise<Stages> {
  const { system, deps } = session
  if (system.probe.origin !== row.bound_origin) {
    await sweep(session, feed, recorder, { reason: 'origin_changed', wire: {} }, undefined)
    return { outcome: 'unjudged', assurance: 'none' }
  }
  const controls =
    stillPassed(row.controls, deps.now(), system.controls.canary !== undefined) ?? (await freshControls(session, first))
  if (controls === undefined) {
    // No secret opens, so no decoy can be shaped: the replays below say so credential by credential.
    return replayAll(session, feed, recorder, { assurance: 'none', canaryFailed: false }, started, row)
  }
  await signalControls(session, controls, row)
  if (controls.kind === 'open') {
    await sweep(session, feed, recorder, { reason: 'endpoint_unauthenticated', wire: {} }, undefined)
    return { outcome: 'void', assurance: 'none' }
  }
  if (controls.kind === 'unjudged') {
    const until = await hold(session, row, controls.reason, controls.cause.retryAfterMs)
    await sweep(session, feed, recorder, { reason: controls.reason, wire: controls.cause.wire }, until.epochMilliseconds)
    return { outcome: 'unjudged', assurance: 'none' }
  }
  const canaryFailed = controls.kind === 'canary-failed'
  const ran = await replayAll(
    session,
    feed,
    recorder,
    { assurance: controls.kind === 'passed' ? controls.assurance : 'none', canaryFailed },
    started,
    row,
  )
  return canaryFailed && ran.outcome === 'completed' ? { ...ran, outcome: 'blind' } : ran
}

async function freshControls(session: Session, first: DueCredential): Promise<ControlsOutcome | undefined> {
  const sample = await sampleOf(session, first)
  return sample === undefined ? undefined : runControls(session, sample)
}

/** A secret from which decoys are shaped: the canary's, or that of the first credential that is due. */
async function sampleOf(session: Session, first: DueCredential): Promise<BoundSecret | undefined> {
  const { system, deps } = session
  if (system.controls.canary !== undefined) {
    const canary = await system.controls.canary().catch(() => undefined)
    if (canary !== undefined) return canary
  }
  try {
    return system.probe.secret(await deps.openSecret(first, system))
  } catch {
    return undefined
  }
}

async function signalControls(session: Session, controls: ControlsOutcome, row: SystemRow): Promise<void> {
  const { system, deps } = session
  const of = { at: deps.now(), systemId: system.id, tier: system.tier, trialId: session.trialId, traceId: session.trace.traceId }
  const signals: KeyedSignal[] = []
  if (controls.kind !== 'unjudged') signals.push(systemSignal('open', { ...of, holds: controls.kind === 'open' }))
  const blind = controls.kind === 'canary-failed' || (controls.kind === 'unjudged' && row.breaker_failures + 1 >= BLIND_AFTER)
  if (blind || controls.kind === 'passed') signals.push(systemSignal('blind', { ...of, holds: blind }))
  await transact(deps.db, (tx) => applySignals(tx, signals, deps.policy(), deps.raise))
}

/** Says the same of everything that is due, without a word to the system. */
async function sweep(
  session: Session,
  feed: Feed<DueCredential>,
  recorder: Recorder,
  what: { reason: Reason; wire: Record<string, string | number> },
  notBeforeMs: number | undefined,
): Promise<void> {
  for (let row = await feed.take(); row !== undefined && !session.signal.aborted; row = await feed.take()) {
    await recorder.add(untried(session, row, what, notBeforeMs))
  }
}

async function replayAll(
  session: Session,
  feed: Feed<DueCredential>,
  recorder: Recorder,
  backing: Backing,
  started: number,
  row: SystemRow,
): Promise<Stages> {
  const { system, deps, signal } = session
  let transportFailures = 0
  let stop: Stop | undefined
  let broken = false
  const outOfTime = () => performance.now() - started > deps.trialBudgetMs
  const watch = watchPause(session, () => {
    stop ??= { outcome: 'paused' }
  })
  const lane = async (): Promise<void> => {
    while (stop === undefined && !broken && !signal.aborted && !outOfTime()) {
      // Another configuration is in force: what is still due is tried under that one.
      if (deps.system(system.id) !== system) stop ??= { outcome: 'stopped' }
      if (stop !== undefined) return
      const taken = feed.take()
      const due = taken instanceof Promise ? await taken : taken
      if (due === undefined) return
      const outcome = await replay(session, due, backing)
      // What the stop itself cut short is no observation: the credential is still due.
      if (signal.aborted && outcome.verdict === 'inconclusive') return
      transportFailures = isTransportFailure(outcome.reason) ? transportFailures + 1 : 0
      if (outcome.reason === 'rate_limited' && outcome.verdict === 'inconclusive')
        stop ??= {
          outcome: 'held',
          reason: 'rate_limited',
          retryAfterMs: outcome.notBeforeMs === undefined ? undefined : outcome.notBeforeMs - outcome.atMs,
        }
      if (transportFailures >= BREAKER_THRESHOLD) stop ??= { outcome: 'held', reason: 'circuit_open', retryAfterMs: undefined }
      const written = recorder.add(outcome)
      if (written !== undefined) await written
    }
  }
  const lanes = Array.from({ length: system.limits.concurrency }, () =>
    lane().catch((error: unknown) => {
      if (isCutShort(error, signal)) return
      broken = true
      throw error
    }),
  )
  // All of them, whatever one throws: an attempt that outlives its trial would come on top of the next one's.
  await Promise.allSettled(lanes)
  watch.end()
  await Promise.all(lanes)
  await recorder.flush()
  if (signal.aborted) return { outcome: 'stopped', assurance: backing.assurance }
  if (stop !== undefined) {
    if (stop.outcome === 'held') await hold(session, row, stop.reason, stop.retryAfterMs)
    return { outcome: stop.outcome, assurance: backing.assurance }
  }
  if (row.hold_until !== null || row.breaker_failures > 0) await holdSystem(deps.db, system.id, undefined, undefined, 0)
  if (outOfTime() && (await feed.take()) !== undefined) return { outcome: 'unfinished', assurance: backing.assurance }
  if (system.nextWindow !== undefined) await closeWindow(deps.db, system.id, system.nextWindow(deps.now()))
  return { outcome: 'completed', assurance: backing.assurance }
}

/** Why the lanes of a trial take no more. */
type Stop = { outcome: 'held'; reason: Reason; retryAfterMs: number | undefined } | { outcome: 'paused' | 'stopped' }

/** How soon a running trial notices the kill switch. */
const PAUSE_LOOK_MS = 1_000

/** Looks for a pause while the lanes run; a look that fails is made again. */
function watchPause({ deps, system }: Session, onPaused: () => void): { end(): void } {
  const timer = setInterval(() => {
    isPaused(deps.db, system.id).then(
      (paused) => {
        if (paused) onPaused()
      },
      () => {},
    )
  }, PAUSE_LOOK_MS)
  return { end: () => clearInterval(timer) }
}

/** A wait that the stop itself has ended is no fault. */
function isCutShort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && error instanceof Error && error.name === 'AbortError'
}

/** Keeps every replica away from the system for a while; answers until when. */
async function hold(
  session: Session,
  row: SystemRow,
  reason: Reason,
  retryAfterMs: number | undefined,
): Promise<Temporal.Instant> {
  const limited = reason === 'rate_limited'
  const failures = limited ? row.breaker_failures : row.breaker_failures + 1
  const pauseMs = retryAfterMs ?? (limited ? DEFAULT_RETRY_MS : holdMs(failures))
  const until = session.deps.now().add({ milliseconds: Math.round(pauseMs) })
  await holdSystem(session.deps.db, session.system.id, until, reason, failures)
  session.deps.log('warn', 'system held', {
    system: session.system.name,
    reason,
    until: until.toString(),
    trace_id: session.trace.traceId,
  })
  return until
}

function unshift<Row>(feed: Feed<Row>, first: Row): Feed<Row> {
  let pending: Row | undefined = first
  return {
    take: () => {
      if (pending === undefined) return feed.take()
      const row = pending
      pending = undefined
      return row
    },
  }
}
