import { RevenantError } from '../domain/error.ts'
import { type ListingFault, TURN_REST, type TurnOutcome } from '../domain/grant.ts'
import type { Listed, Lister, ListingContext, Person } from '../probe/inventory-ask.ts'
import { madeUpName } from '../probe/made-up.ts'
import { type DueListing, dueListings, endTurn, keepTurn, type TurnEnd, takeTurn } from '../store/listing.ts'
import { isPaused } from '../store/pause.ts'
import { findSystem, holdSystem, isHeld } from '../store/system.ts'
import type { Trace } from './deps.ts'
import { isTimeOver, openClock, timeOver } from './inventory-clock.ts'
import { type RecordDeps, recordListing, type Together, together } from './inventory-record.ts'
import type { InventorySystem } from './inventory-system.ts'

export interface InventoryDeps extends RecordDeps {
  trace(facts: Record<string, string | number>): Trace
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>): void
  now(): Temporal.Instant
  /** How long one turn may take before it leaves the rest to the next, besides what it reads once for everybody. */
  budgetMs: number
}

export interface InventorySummary {
  /** `skipped`: it is nobody's turn, or it may not be asked now. `blind`: the controls failed, so that nobody was looked at. */
  outcome: 'skipped' | Exclude<TurnOutcome, 'failed'>
  fault: ListingFault | undefined
  people: number
  complete: number
  inconclusive: number
  grants: number
}

/** Longer than a turn may take: whoever died keeps others out no longer. */
const LEASE_GRACE_MS = 120_000
/** So many times its budget a turn may take with all that it reads: with five minutes of Slack's 20 a minute 1,200 requests. */
const WHOLE_TIMES = 12
/** So often, at the most, a turn asks within a listing whether it may go on. */
const GO_ON_MS = 15_000
const PAGE = 100
const MOST_LANES = 4
/** Faults of the way in a row, after which the rest is left to the next turn. */
const FAILURES = 3
const DEFAULT_RETRY_MS = 60_000

const OF_THE_WAY: ReadonlySet<ListingFault> = new Set<ListingFault>(['server_error', 'unreachable', 'timeout', 'tls_error'])

/**
 * One turn at one system: a made-up person, the canary, then those who left and are due, each recorded when it is done. Where somebody
 * is named, that one alone, whoever's turn it is.
 */
export async function runInventory(
  system: InventorySystem,
  deps: InventoryDeps,
  signal: AbortSignal,
  only?: { identityId?: string | undefined },
): Promise<InventorySummary> {
  const summary: InventorySummary = { outcome: 'skipped', fault: undefined, people: 0, complete: 0, inconclusive: 0, grants: 0 }
  const begun = Temporal.Instant.fromEpochMilliseconds(deps.now().epochMilliseconds)
  if (await mayNotAsk(system, deps)) return summary
  const until = leaseFrom(deps)
  const rest = only === undefined ? TURN_REST : { ms: 0, faultMs: 0 }
  if (!(await takeTurn(deps.db, system.id, begun, until, rest))) return summary
  const ask = { systemId: system.id, by: system.by, everyMs: only === undefined ? system.everyMs : 0, now: begun, limit: PAGE }
  const due = await dueListings(deps.db, { ...ask, ...(only?.identityId === undefined ? {} : { identityId: only.identityId }) })
  if (due.length === 0) {
    await keepTurn(deps.db, system.id, begun, undefined)
    return summary
  }
  const trace = deps.trace({ system: system.name, probe: `inventory ${system.kind}`, zone: system.zone, shard: 0 })
  const stop = new AbortController()
  const common = { system, deps, summary, stop, trace, begun, failures: 0, allowedAtMs: deps.now().epochMilliseconds }
  const turn: Turn = { ...common, signal: AbortSignal.any([signal, stop.signal]) }
  const overlong = setTimeout(() => stop.abort(timeOver('the turn takes too long')), deps.budgetMs * WHOLE_TIMES)
  let isWhole = false
  try {
    await conduct(turn, due, signal)
    isWhole = true
  } finally {
    clearTimeout(overlong)
    trace.end(summary.outcome)
    await endTurn(deps.db, system.id, begun, endOf(summary, isWhole), deps.now())
    await keepTurn(deps.db, system.id, begun, undefined)
  }
  const { outcome, ...counts } = summary
  deps.log(summary.fault === undefined ? 'info' : 'warn', 'inventory finished', {
    ...{ system: system.name, outcome, ...counts, trace_id: trace.traceId },
  })
  return summary
}

function endOf({ outcome, ...counts }: InventorySummary, isWhole: boolean): TurnEnd {
  return { ...counts, outcome: isWhole && outcome !== 'skipped' ? outcome : 'failed' }
}

function leaseFrom({ now, budgetMs }: InventoryDeps): Temporal.Instant {
  return now().add({ milliseconds: budgetMs + LEASE_GRACE_MS })
}

interface Turn {
  system: InventorySystem
  deps: InventoryDeps
  summary: InventorySummary
  signal: AbortSignal
  stop: AbortController
  trace: Trace
  /** What its turn is known by. */
  begun: Temporal.Instant
  /** Faults of the way in a row. */
  failures: number
  /** When it was allowed to go on last. */
  allowedAtMs: number
}

async function mayNotAsk(system: InventorySystem, { db, now }: InventoryDeps): Promise<boolean> {
  const row = await findSystem(db, system.id)
  if (row === undefined || row.retired_at !== null) return true
  const isBefore = (at: Temporal.Instant | null) => at !== null && Temporal.Instant.compare(at, now()) > 0
  if (isBefore(row.hold_until)) return true
  if (row.schedule !== null && (row.schedule_due_at === null || isBefore(row.schedule_due_at))) return true
  return isPaused(db, row.id)
}

async function conduct(turn: Turn, due: readonly DueListing[], signal: AbortSignal): Promise<void> {
  const { system, summary } = turn
  const lister = await opened(system).catch((error: unknown) => {
    if (error instanceof RevenantError) return undefined
    throw error
  })
  if (lister === undefined) return blind(turn, 'credential_unavailable')
  const fault = await timed(turn, (context) => controlsFault(turn, lister, context, due))
  if (signal.aborted) summary.outcome = 'stopped'
  else if (isCalledOff(turn)) return
  else if (fault !== undefined) await blind(turn, fault.fault, fault.retryAfterMs)
  else await timed(turn, (context) => people(turn, lister, context, due, signal))
}

/** By something else than its time: its outcome says by what. */
function isCalledOff({ stop }: Turn): boolean {
  return stop.signal.aborted && !isTimeOver(stop.signal)
}

/** Does a part of a turn, within the time that one has. */
async function timed<T>(turn: Turn, work: (context: ListingContext) => Promise<T>): Promise<T> {
  const clock = openClock(turn.deps.budgetMs)
  try {
    return await work({
      ...contextOf(turn),
      signal: AbortSignal.any([turn.signal, clock.signal]),
      apart: (reading) => clock.still(() => reading(turn.signal)),
    })
  } finally {
    clock.close()
  }
}

/**
 * Whether a turn may go on; its lease does with it. Otherwise it is called off: whose turn it is not any more must not record what a second
 * reading at the same time would.
 */
async function mayGoOn(turn: Turn): Promise<boolean> {
  const { system, deps, summary, stop, begun } = turn
  turn.allowedAtMs = deps.now().epochMilliseconds
  const end = !(await keepTurn(deps.db, system.id, begun, leaseFrom(deps)))
    ? 'unfinished'
    : (await isPaused(deps.db, system.id))
      ? 'paused'
      : (await isHeld(deps.db, system.id, deps.now()))
        ? 'held'
        : undefined
  if (end === undefined) return true
  if (!stop.signal.aborted) {
    summary.outcome = end
    stop.abort(new Error('the turn may not go on'))
  }
  return false
}

async function opened({ bound, credential }: InventorySystem): Promise<Lister> {
  return bound.open(await credential())
}

function contextOf(turn: Turn): Omit<ListingContext, 'signal' | 'apart'> {
  const { system, deps } = turn
  return {
    http: system.http(),
    attribution: system.attribution,
    timeoutMs: system.timeoutMs,
    // A list of many pages takes longer than a lease, and nobody is to be asked on who was paused meanwhile.
    pace: async (of) => {
      await system.rate.acquire(of)
      if (deps.now().epochMilliseconds - turn.allowedAtMs > GO_ON_MS) await mayGoOn(turn)
      of.throwIfAborted()
    },
    without: system.without,
    nowMs: () => deps.now().epochMilliseconds,
  }
}

/** Nobody was looked at: what is listed of others is as it was. */
async function blind(turn: Turn, fault: ListingFault, retryAfterMs?: number): Promise<void> {
  turn.summary.outcome = 'blind'
  turn.summary.fault = fault
  if (fault === 'rate_limited') await holdBack(turn, retryAfterMs)
}

/**
 * A made-up person must be unknown, or have nothing; the canary must have something. What a list shows of anybody proves that it tells
 * people apart, and what it does not show of others that it looks at all.
 */
async function controlsFault(
  { system }: Turn,
  lister: Lister,
  context: ListingContext,
  due: readonly DueListing[],
): Promise<{ fault: ListingFault; retryAfterMs?: number } | undefined> {
  const decoy = await lister.list(madeUp(system, due), context)
  if (decoy.grants.length > 0 || decoy.known === true) return { fault: 'decoy_listed' }
  // What may not be looked at for others either is said of each of them; here only what stops everything.
  if (decoy.known === undefined && decoy.fault !== undefined) return faultOf(decoy, decoy.fault)
  if (system.canary === undefined) return undefined
  const canary = await lister.list({ by: system.by, name: system.canary }, context)
  if (canary.grants.length > 0) return undefined
  return canary.fault === undefined ? { fault: 'canary_empty' } : faultOf(canary, canary.fault)
}

function faultOf({ retryAfterMs }: Listed, fault: ListingFault) {
  return { fault, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

/** In the domain of somebody who is asked for: of a strange one some systems say that we may not look there. */
function madeUp({ by }: InventorySystem, due: readonly DueListing[]): Person {
  const domain = due.flatMap(({ names }) => names.find((name) => /^[^@]+@[^@]+$/.test(name))?.split('@')[1] ?? [])[0]
  return { by, name: domain === undefined ? madeUpName() : `${madeUpName()}@${domain}` }
}

async function people(
  turn: Turn,
  lister: Lister,
  context: ListingContext,
  due: readonly DueListing[],
  signal: AbortSignal,
): Promise<void> {
  const { system, summary, stop } = turn
  const queue = [...due]
  summary.outcome = 'completed'
  const end = (outcome: InventorySummary['outcome']) => {
    summary.outcome = outcome
    queue.length = 0
  }
  const lane = async () => {
    for (let of = queue.shift(); of !== undefined; of = queue.shift()) {
      if (signal.aborted) return end('stopped')
      if (isTimeOver(context.signal)) return end('unfinished')
      if (isCalledOff(turn) || !(await mayGoOn(turn))) return end(summary.outcome)
      const listed = await listPerson(system, lister, context, of)
      // What a stop cut short is no listing. What the time cut short is one, that proves little: the next turn begins with others.
      if (signal.aborted) return end('stopped')
      if (isCalledOff(turn)) return end(summary.outcome)
      await record(turn, of, listed)
      if (isTimeOver(context.signal)) return end('unfinished')
      const { fault } = listed
      turn.failures = fault !== undefined && OF_THE_WAY.has(fault) ? turn.failures + 1 : 0
      const isOver = fault === 'rate_limited' || fault === 'unauthenticated' || fault === 'credential_unavailable'
      if (!isOver && turn.failures < FAILURES) continue
      summary.fault = fault
      end(isOver && fault !== 'rate_limited' ? 'blind' : 'held')
      if (fault === 'rate_limited' || listed.retryAfterMs !== undefined) await holdBack(turn, listed.retryAfterMs)
      stop.abort(new Error('the system is left alone'))
    }
  }
  const lanes = Array.from({ length: Math.min(system.concurrency, MOST_LANES) }, lane)
  // Of one that fails the others must have ended before the turn does.
  const ended = await Promise.allSettled(
    lanes.map((each) =>
      each.catch((error: unknown) => {
        stop.abort(new Error('the turn has failed'))
        throw error
      }),
    ),
  )
  const failed = ended.find((each) => each.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  if (isTimeOver(stop.signal)) summary.fault = 'timeout'
  if (summary.outcome === 'completed' && due.length === PAGE) summary.outcome = 'unfinished'
}

async function listPerson(system: InventorySystem, lister: Lister, context: ListingContext, of: DueListing): Promise<Together> {
  if (of.names.length === 0) {
    return { known: undefined, grants: [], parts: {}, looks: [], fault: 'no_name', retryAfterMs: undefined }
  }
  const all: Listed[] = []
  for (const name of of.names) all.push(await lister.list({ by: system.by, name }, context))
  return together(all)
}

async function record({ system, deps, summary, trace }: Turn, of: DueListing, listed: Together): Promise<void> {
  const assurance = system.canary === undefined ? 'explicit' : 'controlled'
  const at = Temporal.Instant.fromEpochMilliseconds(deps.now().epochMilliseconds)
  if (!(await recordListing(system, of, listed, { assurance, traceId: trace.traceId, at }, deps))) return
  summary.people++
  summary[listed.fault === undefined ? 'complete' : 'inconclusive']++
  summary.grants += listed.grants.length
}

/** Keeps replays and lists of every replica away for as long as the system asks. */
async function holdBack({ system, deps }: Turn, retryAfterMs: number | undefined): Promise<void> {
  const row = await findSystem(deps.db, system.id)
  if (row === undefined) return
  const until = deps.now().add({ milliseconds: Math.round(retryAfterMs ?? DEFAULT_RETRY_MS) })
  await holdSystem(deps.db, system.id, until, 'rate_limited', row.breaker_failures)
}
