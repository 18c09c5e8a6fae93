import { newId } from '../domain/id.ts'
import type { Reason } from '../domain/reason.ts'
import { applySignals } from '../findings/apply.ts'
import { type KeyedSignal, systemSignal } from '../findings/signals.ts'
import { type DueCredential, duePage } from '../store/due.ts'
import { isPaused } from '../store/pause.ts'
import { closeWindow, findSystem, type SystemRow } from '../store/system.ts'
import { transact } from '../store/transact.ts'
import { finishTrial, startTrial } from '../store/trial.ts'
import { type ControlsOutcome, runControls, stillPassed } from './controls.ts'
import type { TrialDeps } from './deps.ts'
import { type Feed, onlyThose, openFeed, unshift } from './feed.ts'
import { hold } from './hold.ts'
import { isCutShort, runLanes } from './lanes.ts'
import { openRecorder, type Recorder } from './recorder.ts'
import { opened, untried } from './replay.ts'
import type { Session } from './session.ts'
import { openSlots } from './slots.ts'
import type { ScanSystem } from './system.ts'
import { openVouch } from './vouch.ts'

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
/** How long a trial may rest on controls that were about to lapse when it began. */
const LEAST_SERVICE_MS = 60_000

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
  const read = openFeed<DueCredential>(async (after) => {
    const readMs = performance.now()
    const page = await duePage(deps.db, {
      systemId: system.id,
      shard: job.shard,
      shards: system.limits.shards,
      // A clock that was set back must not make due again what this trial has tried.
      now: earlier(now, deps.now()),
      limit: deps.pageSize,
      after: after === undefined ? undefined : { dueAt: after.due_at, credentialId: after.credential_id },
    })
    for (const due of page) due.read_ms = readMs
    return page
  })
  // The last guard before a secret is opened: what makes things due goes by the check, and this by the identity itself.
  const feed = onlyThose(read, ({ gone, credential_id }) => {
    if (!gone) deps.log('error', 'a credential is due whose holder is here: it is not tried', { credential: credential_id })
    return gone
  })
  const first = await feed.take()
  if (first === undefined) {
    if (system.nextWindow !== undefined) await closeWindow(deps.db, system.id, system.nextWindow(now))
    return nothing
  }
  return conduct(job, signal, deps, system, row, unshift(feed, first))
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
  const halt = new AbortController()
  const session: Session = {
    trialId,
    system,
    deps,
    trace,
    signal,
    halt,
    waits: AbortSignal.any([signal, halt.signal]),
    running: new Set(),
    slots: openSlots(system.limits.concurrency),
    backing: {
      assurance: 'none',
      canaryFailed: false,
      canaryForm: undefined,
      confirmedSinceMs: Number.POSITIVE_INFINITY,
      controls: undefined,
    },
    pinnedPeer: row.pinned_peer ?? undefined,
  }
  const recorder = openRecorder(session, openVouch(session))
  const abort = () => {
    for (const controller of session.running) controller.abort(signal.reason)
  }
  signal.addEventListener('abort', abort, { once: true })
  let outcome: TrialOutcome = 'stopped'
  try {
    outcome = await stages(session, row, feed, recorder, started)
  } catch (error) {
    if (!isCutShort(error, signal)) {
      outcome = 'failed'
      throw error
    }
  } finally {
    signal.removeEventListener('abort', abort)
    await recorder.close()
    const { assurance } = session.backing
    await finishTrial(deps.db, trialId, { outcome, assurance, ...recorder.counts(), finishedAt: deps.now() })
    trace.end(outcome)
    deps.meters.trial({ system: system.name, outcome, durationMs: performance.now() - started })
  }
  deps.log('info', 'trial finished', { system: system.name, outcome, ...recorder.counts(), trace_id: trace.traceId })
  return { outcome, ...recorder.counts() }
}

async function stages(
  session: Session,
  row: SystemRow,
  feed: Feed<DueCredential>,
  recorder: Recorder,
  started: number,
): Promise<TrialOutcome> {
  const { system, deps, backing } = session
  if (system.probe.origin !== row.bound_origin) {
    await sweep(session, feed, recorder, { reason: 'origin_changed', wire: {} }, undefined)
    return 'unjudged'
  }
  const kept = stillPassed(row.controls, deps.now(), system.controls.subject)
  const asked = kept === undefined ? await askControls(session, row, feed, recorder) : { controls: kept, feed }
  const { controls } = asked
  // A control that the stop itself cut short says nothing of the system.
  if (session.signal.aborted && (controls.kind === 'unjudged' || controls.kind === 'canary-failed')) return 'stopped'
  // Controls that were kept were told of by the trial that asked them: what was found out since stands.
  if (kept === undefined) await signalControls(session, controls, row)
  if (controls.kind === 'open') {
    await sweep(session, asked.feed, recorder, { reason: 'endpoint_unauthenticated', wire: {} }, undefined)
    return 'void'
  }
  if (controls.kind === 'unjudged') {
    const until = await hold(session, row, controls.reason, controls.cause.retryAfterMs)
    const what = { reason: controls.reason, wire: controls.cause.wire }
    await sweep(session, asked.feed, recorder, what, until.epochMilliseconds)
    return 'unjudged'
  }
  if (controls.kind !== 'unfit') {
    backing.assurance = controls.controls.assurance
    backing.canaryFailed = controls.kind === 'canary-failed'
    backing.canaryForm = controls.controls.form
    backing.confirmedSinceMs = Temporal.Instant.from(controls.controls.since).epochMilliseconds
    backing.controls = controls.controls
  }
  const outcome = await runLanes(session, row, asked.feed, recorder, {
    started,
    controlsEndMs: servesUntilMs(session, kept !== undefined),
  })
  return backing.canaryFailed && outcome === 'completed' ? 'blind' : outcome
}

/** Until when the controls of this trial serve it. Those that were kept may lapse in a minute of its own, so that it gets something done. */
function servesUntilMs({ deps, system, backing }: Session, kept: boolean): number {
  const { validForMs } = system.controls
  if (backing.controls === undefined) return Number.POSITIVE_INFINITY
  const nowMs = deps.now().epochMilliseconds
  if (!kept) return nowMs + validForMs
  const lapseMs = Temporal.Instant.from(backing.controls.validUntil).epochMilliseconds
  return Math.max(lapseMs, nowMs + Math.min(validForMs, LEAST_SERVICE_MS))
}

/**
 * Asks the controls. Decoys are shaped like the canary, or like the first credential whose secret opens and fits: nothing is replayed
 * without them. Those that come before it cannot be tried at all and are recorded so. Answers what is left of the feed; `unfit`:
 * nothing is.
 */
async function askControls(
  session: Session,
  row: SystemRow,
  feed: Feed<DueCredential>,
  recorder: Recorder,
): Promise<{ controls: ControlsOutcome; feed: Feed<DueCredential> }> {
  const canary = await session.system.controls.canary?.().catch(() => undefined)
  if (canary !== undefined) {
    const controls = await runControls(session, canary, row.controls)
    if (controls.kind !== 'unfit') return { controls, feed }
  }
  for (let due = await feed.take(); due !== undefined && !session.signal.aborted; due = await feed.take()) {
    const sample = await opened(session, due)
    if ('verdict' in sample) await recorder.add(sample)
    else {
      const controls = await runControls(session, sample, row.controls)
      if (controls.kind !== 'unfit') return { controls, feed: unshift(feed, due) }
      await recorder.add(untried(session, due, { reason: 'secret_unavailable', wire: {} }, undefined))
    }
  }
  return { controls: { kind: 'unfit' }, feed }
}

async function signalControls(session: Session, controls: ControlsOutcome, row: SystemRow): Promise<void> {
  const { system, deps } = session
  const { trialId, trace } = session
  const of = { at: deps.now(), systemId: system.id, system: system.name, tier: system.tier, trialId, traceId: trace.traceId }
  const policy = deps.policy()
  const signals: KeyedSignal[] = []
  if (controls.kind === 'unfit') return
  if (controls.kind !== 'unjudged') signals.push(systemSignal('open', { ...of, holds: controls.kind === 'open' }, policy))
  const blind = controls.kind === 'canary-failed' || (controls.kind === 'unjudged' && row.breaker_failures + 1 >= BLIND_AFTER)
  if (blind || controls.kind === 'passed') signals.push(systemSignal('blind', { ...of, holds: blind }, policy))
  await transact(deps.db, (tx) => applySignals(tx, signals, policy, deps.raise))
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

function earlier(a: Temporal.Instant, b: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.compare(a, b) < 0 ? a : b
}
