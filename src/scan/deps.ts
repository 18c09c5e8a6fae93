import type { Custody } from '../custody/custody.ts'
import type { Policy } from '../domain/policy.ts'
import type { Reason } from '../domain/reason.ts'
import type { Verdict } from '../domain/verdict.ts'
import type { Raise } from '../findings/apply.ts'
import type { Db } from '../store/db.ts'
import type { DueCredential } from '../store/due.ts'
import type { ScanSystem } from './system.ts'

/** What a trial is given by the daemon. */
export interface TrialDeps {
  db: Db
  system(id: string): ScanSystem | undefined
  policy(): Policy
  /** Opens a credential's secret for the origin it is about to be sent to. Throws a RevenantError; never quotes the secret. */
  openSecret(row: DueCredential, system: ScanSystem): unknown
  /** Seals the successors of secrets that replays spend, and names what was spent. */
  custody: Pick<Custody, 'seal' | 'fingerprint'>
  raise: Raise
  trace(attributes: Record<string, string | number>): Trace
  meters: ScanMeters
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>): void
  instance: string
  pageSize: number
  trialBudgetMs: number
  now(): Temporal.Instant
}

/** One trace a trial, one span an attempt; satisfied by `src/telemetry`. */
export interface Trace {
  readonly traceId: string
  attempt(attributes: Record<string, string | number | boolean>): Span
  end(outcome: string): void
}
export interface Span {
  end(result: { verdict: Verdict; reason: Reason; latencyMs: number; wire: Readonly<Record<string, string | number>> }): void
}

export interface ScanMeters {
  attempt(of: { system: string; probe: string; verdict: Verdict; reason: Reason; latencyMs: number }): void
  trial(of: { system: string; outcome: string; durationMs: number }): void
}
