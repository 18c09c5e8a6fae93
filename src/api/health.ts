import type { FastifyInstance } from 'fastify'
import type { Logger } from '../telemetry/logger.ts'
import { openReadiness, type ReadinessCheck } from './readiness.ts'

export interface HealthOptions {
  /** True while the tick loop turns; see telemetry/heartbeat.ts. */
  alive(): boolean
  /** What must be well before work is sent here: database, keys, queues. */
  checks: readonly ReadinessCheck[]
  /** The body of `/metrics`, Prometheus text format 0.0.4. */
  metrics(): Promise<string>
  logger: Logger
}

/**
 * Serves three pages to orchestrators and scrapers, read-only, without secrets and to whoever reaches the port.
 * `/healthz`: 200 while the process lives and its tick loop turns, else 503. `/readyz`: 200 when every check is well, else 503 with
 * `{ status, checks: [{ name, ok, detail }] }`. `/metrics`: Prometheus text.
 */
export function addHealthPages(app: FastifyInstance, options: HealthOptions): void {
  const readiness = openReadiness(options.checks, options.logger)
  app.get('/healthz', async (_request, reply) => {
    const alive = options.alive()
    return reply.code(alive ? 200 : 503).send({ status: alive ? 'ok' : 'stuck' })
  })
  app.get('/readyz', async (_request, reply) => {
    const result = await readiness()
    return reply.code(result.status === 'ok' ? 200 : 503).send(result)
  })
  app.get('/metrics', async (_request, reply) => {
    const text = await options.metrics()
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text)
  })
}
