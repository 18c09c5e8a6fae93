import { RevenantError } from '../domain/error.ts'
import type { Reason } from '../domain/reason.ts'
import type { Jobs } from '../jobs/jobs.ts'
import { audit } from '../store/audit.ts'
import { zonesInUse } from '../store/check-state.ts'
import type { Db, Queryable } from '../store/db.ts'
import {
  dueIn,
  type Found,
  makeDue,
  type ScanScope,
  type ScanSubject,
  type ScanSystemRow,
  type SystemBudget,
  scanSubject,
} from '../store/scan-now.ts'
import { transact } from '../store/transact.ts'

export interface ScanNowDeps {
  db: Db
  jobs: Pick<Jobs, 'enqueueTrial' | 'prepareTrials'>
  /** The budgets of the configured systems. */
  budgets(): readonly SystemBudget[]
  /** Who does it, for the audit. */
  actor: string
  now(): Temporal.Instant
}

/**
 * What keeps a trial away. `paused`: an operator. `held`: the system asked for it, or stopped answering. `window`: its own schedule.
 * `rebind`: its address changed. `lockout_budget`: its account could be locked. `second_proof`: a refusal waits for the one that
 * completes its proof.
 */
export const HOLDS = ['paused', 'held', 'window', 'rebind', 'lockout_budget', 'second_proof'] as const
export type Hold = (typeof HOLDS)[number]

export interface Held {
  systemId: string
  hold: Hold
  /** Of `held`. */
  reason: Reason | undefined
  /** When it ends by itself; undefined where it does not. */
  until: Temporal.Instant | undefined
  credentials: number
}

export interface ScanNow {
  /** Credentials that are due now and were not before. */
  moved: number
  /** Credentials that are due now, those included. */
  due: number
  /** Credentials that could be tried and were not made due: one scan takes so many. */
  left: number
  trials: {
    systemId: string
    shard: number
    /** False: a trial of it was queued or running already; what is left over, the next tick takes up. */
    enqueued: boolean
  }[]
  held: Held[]
}

/** Credentials that one scan makes due: whoever leaves meanwhile is tried behind them, a minute or two later. */
const MOST_MOVED = 1_000

/**
 * Has what a leaver held, or what is checked at a system, tried at once: due now, its trials enqueued in the same transaction. Limits hold
 * as ever, and what keeps a trial away keeps this one away as well. Throws `NOT_FOUND`, and `CONFLICT` for an identity that is here, and
 * for what is retired: neither is ever tried.
 */
export async function scanNow(scope: ScanScope, deps: ScanNowDeps): Promise<ScanNow> {
  // Before the transaction, which has the one connection of an embedded database.
  await deps.jobs.prepareTrials(await zonesInUse(deps.db))
  return transact(deps.db, (tx) => scanNowIn(tx, scope, deps))
}

/** The same in the caller's transaction, before which the trials of the zones in use were prepared (`prepareTrials`). */
export async function scanNowIn(tx: Queryable, scope: ScanScope, deps: Omit<ScanNowDeps, 'db'>): Promise<ScanNow> {
  const at = deps.now().round({ smallestUnit: 'microsecond', roundingMode: 'floor' })
  const subject = await mayBeTried(tx, scope, at)
  const found = await makeDue(tx, scope, at, deps.budgets(), MOST_MOVED)
  const systems = await dueIn(tx, scope, at)
  const trials: ScanNow['trials'] = []
  const held = found.flatMap(waiting)
  for (const system of systems) {
    const hold = holdOf(system, found, at)
    if (hold !== undefined) {
      if (hold.hold !== 'rebind') held.push(hold)
      continue
    }
    for (const shard of system.shards) {
      const enqueued = await deps.jobs.enqueueTrial(tx, system.zone, { systemId: system.id, shard })
      trials.push({ systemId: system.id, shard, enqueued })
    }
  }
  const moved = countOf(found, 'moved')
  const due = moved + countOf(found, 'due')
  const left = countOf(found, 'left')
  const detail = { moved, due, left, trials: trials.length, held: [...new Set(held.map(({ hold }) => hold))] }
  await audit(tx, { actor: deps.actor, action: `${nounOf(scope)}.scan`, subject: subject.name, detail, at })
  return { moved, due, left, trials, held }
}

function nounOf(scope: ScanScope): string {
  if ('identityId' in scope) return 'identity'
  return 'credentialId' in scope ? 'credential' : 'system'
}

async function mayBeTried(tx: Queryable, scope: ScanScope, at: Temporal.Instant): Promise<ScanSubject> {
  const subject = await scanSubject(tx, scope)
  const noun = nounOf(scope)
  if (subject === undefined) throw new RevenantError('NOT_FOUND', `there is no such ${noun}`)
  const { terminatedAt, retiredAt } = subject
  if (terminatedAt === null || (terminatedAt !== undefined && Temporal.Instant.compare(terminatedAt, at) > 0))
    throw new RevenantError('CONFLICT', 'the identity is here: what it holds is never tried')
  if (retiredAt !== null) throw new RevenantError('CONFLICT', `the ${noun} is retired: nothing of it is tried`)
  return subject
}

function countOf(found: readonly Found[], as: Found['as']): number {
  return found.reduce((sum, each) => (each.as === as ? sum + each.count : sum), 0)
}

/** Credentials that wait by themselves, whatever their system does. */
function waiting({ systemId, as, count, until }: Found): Held[] {
  if (as === 'moved' || as === 'left' || as === 'due') return []
  const ends = as === 'rebind' ? undefined : until
  return [{ systemId, hold: as, reason: undefined, until: ends, credentials: count }]
}

function holdOf(system: ScanSystemRow, found: readonly Found[], at: Temporal.Instant): Held | undefined {
  const { id: systemId, due: credentials, holdUntil, windowAt } = system
  const held = { systemId, credentials, reason: undefined, until: undefined }
  if (found.some((each) => each.systemId === systemId && each.as === 'rebind')) return { ...held, hold: 'rebind' }
  if (system.paused) return { ...held, hold: 'paused' }
  if (holdUntil !== null && Temporal.Instant.compare(holdUntil, at) > 0)
    return { ...held, hold: 'held', reason: system.holdReason ?? undefined, until: holdUntil }
  if (windowAt !== null && Temporal.Instant.compare(windowAt, at) > 0) return { ...held, hold: 'window', until: windowAt }
  return undefined
}
