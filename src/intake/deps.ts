import type { PolicyConfig } from '../config/config.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { Db, Queryable } from '../store/db.ts'
import type { Ownership } from '../store/identity.ts'

/** What every intake is given by whoever starts it. */
export interface IntakeDeps {
  db: Db
  jobs: Pick<Jobs, 'enqueueTrial' | 'prepareTrials'>
  policy: Pick<PolicyConfig, 'verifyWithinMs' | 'timeZone' | 'terminationCutOff'>
  /** Who does it, for the audit. */
  actor: string
  now(): Temporal.Instant
  /**
   * Called inside the transaction with the services and agents whose ownership may have changed, `orphaned` or not: findings are
   * not intake's to make.
   */
  onOwnership?(tx: Queryable, ownerships: readonly Ownership[], now: Temporal.Instant): Promise<void>
  /**
   * Called inside the transaction, after `prepareTrials`, where a source hints that something happened to somebody who has left: what he
   * held is to be tried now.
   */
  onHint?(tx: Queryable, identityId: string): Promise<void>
}

export interface ImportOptions {
  /** Tells what would happen, and writes nothing. */
  dryRun: boolean
  /** Called after each batch. */
  onProgress?(progress: ImportProgress): void
  /** Ends the import after the batch that is being written. */
  signal?: AbortSignal
}

export interface ImportProgress {
  bytes: number
  totalBytes?: number
  rows: number
}
