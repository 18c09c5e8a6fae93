import type { FastifyInstance } from 'fastify'
import { publishedCheckpoint, publishedTile } from '../evidence/publish.ts'
import { parseTilePath } from '../evidence/tiles.ts'
import type { Queryable } from '../store/db.ts'

/** A tile never changes once it is served. */
const IMMUTABLE = 'public, max-age=31536000, immutable'
/** tlog-tiles: no more than a few seconds. */
const BRIEFLY = 'public, max-age=2'

/**
 * Serves the log as C2SP tlog-tiles says, under `/ledger/`: `checkpoint`, `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]`. Digests
 * and ids, no more.
 */
export function addLedgerRoutes(app: FastifyInstance, db: Queryable): void {
  app.get('/ledger/checkpoint', async (_request, reply) => {
    const note = await publishedCheckpoint(db)
    if (note === undefined) return reply.callNotFound()
    return reply.header('cache-control', BRIEFLY).type('text/plain; charset=utf-8').send(note)
  })
  app.get<{ Params: { '*': string } }>('/ledger/tile/*', async (request, reply) => {
    const tile = parseTilePath(`tile/${request.params['*']}`)
    const bytes = tile === undefined ? undefined : await publishedTile(db, tile)
    if (bytes === undefined) return reply.callNotFound()
    return reply.header('cache-control', IMMUTABLE).type('application/octet-stream').send(Buffer.from(bytes))
  })
}
