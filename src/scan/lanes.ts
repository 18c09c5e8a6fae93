import type { Reason } from '../domain/reason.ts'
import type { DueCredential } from '../store/due.ts'
import { isPaused } from '../store/pause.ts'
import { closeWindow, isHeld, releaseSystem, type SystemRow } from '../store/system.ts'
import { BREAKER_THRESHOLD, isOurs, isTransportFailure } from './breaker.ts'
import type { Feed } from './feed.ts'
import { hold } from './hold.ts'
import type { Outcome } from './record.ts'
import type { Recorder } from './recorder.ts'
import { replay } from './replay.ts'
import type { Session } from './session.ts'

export interface LanesOptions {
  /** `performance.now()` of the trial's start. */
  started: number
  /** Until when the controls of this trial serve it, epoch milliseconds. */
  controlsEndMs: number
}

/** How the replays of a trial ended. */
export type LanesOutcome = 'completed' | 'unfinished' | Stop['outcome']

/** Replays what is left of the feed, as many at a time as the system takes, until it is done or something says stop. */
export async function runLanes(
  session: Session,
  row: SystemRow,
  feed: Feed<DueCredential>,
  recorder: Recorder,
  { started, controlsEndMs }: LanesOptions,
): Promise<LanesOutcome> {
  const { system, deps, signal } = session
  let transportFailures = 0
  let stop: Stop | undefined
  let broken = false
  // What is still due when the controls are too old is left to the next trial, which asks them anew.
  const outOfTime = () => performance.now() - started > deps.trialBudgetMs || deps.now().epochMilliseconds >= controlsEndMs
  const end = (next: Stop) => {
    stop ??= next
    // Whoever waits for the rate must not begin when his turn comes.
    session.halt.abort()
  }
  const watch = watchStops(session, (outcome) => end({ outcome }))
  const lane = async (): Promise<void> => {
    while (stop === undefined && !broken && !signal.aborted && !outOfTime()) {
      // Another configuration is in force: what is still due is tried under that one.
      if (deps.system(system.id) !== system) end({ outcome: 'stopped' })
      if (stop !== undefined) return
      const taken = feed.take()
      const due = taken instanceof Promise ? await taken : taken
      if (due === undefined) return
      const outcome = await replay(session, due)
      if (outcome === undefined) continue
      // What the stop itself cut short is no observation: the credential is still due.
      if (signal.aborted && outcome.verdict === 'inconclusive') return
      if (isTransportFailure(outcome.reason)) transportFailures++
      else if (!isOurs(outcome.reason)) transportFailures = 0
      const asked = askedToWaitMs(outcome)
      if (asked !== undefined || (outcome.reason === 'rate_limited' && outcome.verdict === 'inconclusive'))
        end({ outcome: 'held', hold: { reason: outcome.reason, retryAfterMs: asked } })
      if (transportFailures >= BREAKER_THRESHOLD)
        end({ outcome: 'held', hold: { reason: 'circuit_open', retryAfterMs: undefined } })
      const written = recorder.add(outcome)
      if (written !== undefined) await written
    }
  }
  const lanes = Array.from({ length: system.limits.concurrency }, () =>
    lane().catch((error: unknown) => {
      if (isCutShort(error, session.waits)) return
      broken = true
      throw error
    }),
  )
  // All of them, whatever one throws: an attempt that outlives its trial would come on top of the next one's.
  await Promise.allSettled(lanes)
  watch.end()
  await Promise.all(lanes)
  await recorder.flush()
  if (signal.aborted) return 'stopped'
  if (stop !== undefined) {
    if (stop.hold !== undefined) await hold(session, row, stop.hold.reason, stop.hold.retryAfterMs)
    return stop.outcome
  }
  if (row.hold_until !== null || row.breaker_failures > 0) await releaseSystem(deps.db, system.id, row.hold_until)
  if (outOfTime() && (await feed.take()) !== undefined) return 'unfinished'
  if (system.nextWindow !== undefined) await closeWindow(deps.db, system.id, system.nextWindow(deps.now()))
  return 'completed'
}

/** Why the lanes of a trial take no more; `hold` where this trial is the one to keep the others away. */
interface Stop {
  outcome: 'held' | 'paused' | 'stopped'
  hold?: { reason: Reason; retryAfterMs: number | undefined }
}

/** How long a system that does not answer now asked to be left alone; undefined where it did not ask. */
function askedToWaitMs({ verdict, reason, atMs, notBeforeMs }: Outcome): number | undefined {
  if (verdict !== 'inconclusive' || notBeforeMs === undefined) return undefined
  return reason === 'rate_limited' || isTransportFailure(reason) ? notBeforeMs - atMs : undefined
}

/** How soon a running trial notices the kill switch, and what another shard was told. */
const LOOK_MS = 1_000

/** Looks for a pause or a hold while the lanes run; a look that fails is made again. */
function watchStops({ deps, system }: Session, onStop: (outcome: 'paused' | 'held') => void): { end(): void } {
  const look = async () => {
    if (await isPaused(deps.db, system.id)) onStop('paused')
    else if (await isHeld(deps.db, system.id, deps.now())) onStop('held')
  }
  const timer = setInterval(() => {
    look().catch(() => {})
  }, LOOK_MS)
  return { end: () => clearInterval(timer) }
}

/** A wait that the stop itself has ended is no fault. */
export function isCutShort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && error instanceof Error && error.name === 'AbortError'
}
