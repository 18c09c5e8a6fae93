import type { FastifyInstance } from 'fastify'
import type { FeedHttpDeps } from './deps.ts'

/** Adds the addresses to which sources of leavers push: one line per kind. */
export async function addFeeds(app: FastifyInstance, deps: FeedHttpDeps): Promise<void> {
  const { addScim } = await import('./scim/routes.ts')
  await addScim(app, deps)
  const { addSsf } = await import('./ssf.ts')
  await addSsf(app, deps)
  const { addWebhook } = await import('./webhook.ts')
  await addWebhook(app, deps)
}
