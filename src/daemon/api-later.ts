import type { FastifyInstance } from 'fastify'
import { openAuthenticate } from '../api/access/authenticate.ts'
import { openAccess } from '../api/access/open-access.ts'
import { addEvidenceRoutes } from '../api/evidence.ts'
import type { AuditorTokens } from '../api/evidence-tokens.ts'
import { addFeeds } from '../api/feeds/add-feeds.ts'
import type { FeedHttpDeps } from '../api/feeds/deps.ts'
import { ROUTES } from '../api/routes.ts'
import { serveRoutes } from '../api/serve.ts'
import { openActions } from './actions.ts'
import { reportDeps } from './report-deps.ts'
import type { Runtime } from './runtime.ts'
import { VERSION } from './version.ts'

export interface LaterOptions {
  /** Of auditors, as they are in force. */
  tokens(): AuditorTokens
  /** Whether the API is served beside the auditors' pulls. */
  serve: boolean
}

/**
 * Adds everything under `/v1`. Loaded when it is first asked for (api.ts): a daemon that nobody looks at does without its memory. Answers
 * what ends the streams of events.
 */
export async function addApi(app: FastifyInstance, runtime: Runtime, { tokens, serve }: LaterOptions): Promise<() => void> {
  const { store, jobs, custody, raise, onOwnership, now, instance, telemetry } = runtime
  const { logger } = telemetry
  addEvidenceRoutes(app, { db: store.db, tokens, report: () => reportDeps(runtime), version: VERSION, now, logger })
  const feedHttp: FeedHttpDeps = {
    db: store.db,
    feeds: (kind) =>
      runtime.feeds.all().flatMap(({ feed, config: { options } }) => (feed.kind === kind ? [{ feed, options }] : [])),
    intake: (feed) => runtime.feedDeps.intake(`feed ${feed.name}`),
    readReference: runtime.secrets.read,
    now,
    logger,
  }
  await addFeeds(app, feedHttp)
  if (!serve) return () => {}
  const config = () => runtime.config
  const actions = await openActions(runtime)
  const deps = {
    ...{ db: store.db, config, version: VERSION, instance, jobs, custody, raise, onOwnership, now, logger },
    ...{ actions, access: openAccess(config, runtime.secrets.read) },
  }
  serveRoutes(app, { routes: ROUTES, deps, authenticate: openAuthenticate(deps) })
  return () => actions.live.close()
}
