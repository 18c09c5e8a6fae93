import type { Config, SourceConfig } from '../config/config.ts'
import type { ReadReference } from '../custody/local-reference.ts'
import { errorCode, RevenantError } from '../domain/error.ts'
import type { IntakeDeps } from '../intake/deps.ts'
import type { Feed } from '../intake/feed/said.ts'
import { SOURCES } from '../intake/sources/registry.ts'
import type { OpenedSource } from '../intake/sources/source.ts'
import type { Db } from '../store/db.ts'
import { claimPull, failedFeed, feedPosition, heardFeed, moveFeed, syncFeeds } from '../store/feed.ts'
import { transact } from '../store/transact.ts'
import type { Logger } from '../telemetry/logger.ts'

/** A source of leavers of the configuration in force. */
export interface OpenFeed {
  feed: Feed
  config: SourceConfig
  source: OpenedSource
}

/** The sources of leavers of one configuration. */
export interface Feeds {
  all(): readonly OpenFeed[]
  byName(name: string): OpenFeed | undefined
  byId(id: string): OpenFeed | undefined
  /** Asks those whose time has come. Never throws: a fault stands at its source. */
  pullDue(deps: FeedDeps): Promise<void>
  /**
   * Asks one now; where it is being asked, once that is done: what it said then may be older than this call. Throws what keeps it from
   * answering, `CONFLICT` for one that pushes, or where the configuration is replaced meanwhile.
   */
  pullNow(name: string, deps: FeedDeps): Promise<void>
  /** Calls off what is being asked and waits for it. */
  close(): Promise<void>
}

export interface FeedDeps {
  /** What comes in is written with this, by the name of the feed. */
  intake(actor: string): IntakeDeps
  readReference: ReadReference
  /** Names a secret without telling it; the same one within a scope has the same name. */
  fingerprint(scope: string, secret: string): string
  logger: Logger
}

/** Opens the sources of a configuration: rows for those that are new, retired ones for those that are gone. */
export async function openFeeds(db: Db, config: Config, now: Temporal.Instant): Promise<Feeds> {
  const opened = config.sources.map((each) => ({
    config: each,
    kind: SOURCES[each.source],
    source: SOURCES[each.source].open(each.options),
  }))
  const writes = opened.map(({ config: { name, source, silentAfterMs }, kind }) => {
    return { name, kind: source, silentAfterMs: silentAfterMs ?? kind.silentAfterMs }
  })
  const rows = await transact(db, (tx) => syncFeeds(tx, writes, now))
  const feeds = opened.flatMap(({ config: each, source }): OpenFeed[] => {
    const row = rows.find(({ name }) => name === each.name)
    return row === undefined ? [] : [{ feed: feedOf(row.id, each), config: each, source }]
  })
  const stop = new AbortController()
  const running = new Map<string, Promise<void>>()
  const next = new Map<string, Promise<void>>()
  const pull = (each: OpenFeed, deps: FeedDeps): Promise<void> => {
    const run = pullOnce(db, each, deps, stop.signal).finally(() => running.delete(each.feed.name))
    running.set(each.feed.name, run)
    return run
  }
  /** Once it is no longer being asked; whoever wants that meanwhile shares it. */
  const pullNext = (each: OpenFeed, deps: FeedDeps): Promise<void> => {
    const { name } = each.feed
    const run = (async () => {
      for (let before = running.get(name); before !== undefined; before = running.get(name)) await before.catch(() => {})
      next.delete(name)
      if (!stop.signal.aborted) await pull(each, deps)
    })()
    next.set(name, run)
    return run
  }
  return {
    all: () => feeds,
    byName: (name) => feeds.find(({ feed }) => feed.name === name),
    byId: (id) => feeds.find(({ feed }) => feed.id === id),
    pullDue: async (deps) => {
      for (const each of feeds) {
        const everyMs = each.source.pull?.everyMs
        if (everyMs === undefined || running.has(each.feed.name) || stop.signal.aborted) continue
        if (!(await claimPull(db, each.feed.id, everyMs, deps.intake('').now()))) continue
        // Not waited for: a directory may take minutes, and others are due.
        pull(each, deps).catch(() => {})
      }
    },
    pullNow: async (name, deps) => {
      const each = feeds.find(({ feed }) => feed.name === name)
      if (each === undefined) throw new RevenantError('NOT_FOUND', `no source is called ${JSON.stringify(name)}`)
      if (each.source.pull === undefined) throw new RevenantError('CONFLICT', `${name} tells by itself: it cannot be asked`)
      const run = running.has(name) ? (next.get(name) ?? pullNext(each, deps)) : pull(each, deps)
      await run
      if (stop.signal.aborted) throw new RevenantError('CONFLICT', `${name} is read with another configuration now: ask again`)
    },
    close: async () => {
      stop.abort()
      await Promise.allSettled(running.values())
    },
  }
}

function feedOf(id: string, { name, source, onInactive, onDeleted, joiners, massEvent }: SourceConfig): Feed {
  return { id, name, kind: source, policy: { inactive: onInactive, deleted: onDeleted, joiners, mass: massEvent } }
}

async function pullOnce(
  db: Db,
  { feed, source }: OpenFeed,
  { intake, readReference, fingerprint, logger }: FeedDeps,
  signal: AbortSignal,
): Promise<void> {
  const deps = intake(`feed ${feed.name}`)
  let heard = true
  try {
    await source.pull?.once({
      ...{ feed, deps, signal, readReference },
      position: await feedPosition(db, feed.id),
      fingerprint: (secret) => fingerprint(`feed:${feed.id}`, secret),
      move: (position) => moveFeed(db, feed.id, position),
      unheard: () => {
        heard = false
      },
      log: (level, message, fields) => logger[level]({ feed: feed.name, ...fields }, message),
    })
    if (heard) await heardFeed(db, feed.id, deps.now())
  } catch (error) {
    if (signal.aborted) return
    const fault = error instanceof RevenantError ? error.message : `it failed (${errorCode(error) ?? 'unknown error'})`
    logger.warn({ feed: feed.name, err: error }, 'a source of leavers could not be read')
    await failedFeed(db, feed.id, fault, deps.now())
    throw error
  }
}
