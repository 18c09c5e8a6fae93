import type { FastifyInstance } from 'fastify'
import type { FeedHttpDeps } from './deps.ts'

/** Adds the addresses to which sources of leavers push: one line per kind. */
export function addFeeds(_app: FastifyInstance, _deps: FeedHttpDeps): void {}
