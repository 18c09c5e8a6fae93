import type { FeedKind } from '../../domain/feed.ts'
import type { IntakeDeps } from '../../intake/deps.ts'
import type { Feed } from '../../intake/feed/said.ts'
import type { Db } from '../../store/db.ts'
import type { Logger } from '../../telemetry/logger.ts'

/** What sources that push are served with. */
export interface FeedHttpDeps {
  db: Db
  /** The sources of one kind in the configuration in force, each with its own keys as they are written. */
  feeds(kind: FeedKind): readonly PushedFeed[]
  /** What comes in by a feed is written with this. */
  intake(feed: Feed): IntakeDeps
  /** Reads a secret by reference. Throws `SECRET_UNAVAILABLE`, `SECRET_EMPTY`. */
  readReference(reference: string): Promise<string>
  now(): Temporal.Instant
  logger: Logger
}

export interface PushedFeed {
  feed: Feed
  options: Record<string, unknown>
}
