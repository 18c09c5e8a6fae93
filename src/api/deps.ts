import type { Config } from '../config/config.ts'
import type { Custody } from '../custody/custody.ts'
import type { Raise } from '../findings/apply.ts'
import type { IntakeDeps } from '../intake/deps.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { Db } from '../store/db.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Access } from './access/access.ts'
import type { ActionDeps } from './action-deps.ts'

/** What handlers work with; the daemon gives it. */
export interface ApiDeps {
  db: Db
  /** The one in force: a reload changes it. */
  config(): Config
  version: string
  instance: string
  jobs: Jobs
  custody: Custody
  raise: Raise
  onOwnership: NonNullable<IntakeDeps['onOwnership']>
  now(): Temporal.Instant
  logger: Logger
  actions: ActionDeps
  access: Access
}
