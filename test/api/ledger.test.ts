import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addLedgerRoutes } from '../../src/api/ledger.ts'
import type { Server } from '../../src/api/server.ts'
import { openCheckpoint } from '../../src/evidence/checkpoint.ts'
import { isSame, leafHash, rootOf, verifyInclusion } from '../../src/evidence/merkle.ts'
import { type Node, readInclusion, readRoot } from '../../src/evidence/merkle-proof.ts'
import { hashInTile, parseBundle, placeOf, tilePath, widthOf } from '../../src/evidence/tiles.ts'
import { appendLedger } from '../../src/store/ledger.ts'
import { openLogger } from '../../src/telemetry/logger.ts'
import { type LedgerHouse, openLedgerHouse, someLeaves } from '../evidence/house.ts'
import { openHealth } from '../servers/health.ts'
import { STORES, type TestStore } from '../servers/stores.ts'

const SIZE = 601

describe('the published log', () => {
  let at: TestStore
  let health: Server
  let house: LedgerHouse
  beforeAll(async () => {
    const [embedded] = STORES
    if (embedded === undefined) throw new Error('no store')
    at = await embedded.open()
    house = openLedgerHouse(at.store.db)
    health = await openHealth({
      listen: { host: '127.0.0.1', port: 0 },
      alive: () => true,
      checks: [],
      metrics: async () => '',
      addPages: (app) => addLedgerRoutes(app, at.store.db),
      logger: openLogger({ level: 'fatal', fields: {}, write: () => {} }),
    })
    expect((await ask('checkpoint')).status).toBe(404)
    await appendLedger(at.store.db, 'observation', someLeaves(SIZE - 1))
    await house.sequencer.run()
  })
  afterAll(async () => {
    await health.close()
    await at.stop()
  })

  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${health.address}/ledger/${path}`, { ...init, headers: { connection: 'close' } })
  const bytesOf = async (path: string) => {
    const answer = await ask(path)
    expect([path, answer.status]).toEqual([path, 200])
    expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect(answer.headers.get('content-type')).toBe('application/octet-stream')
    return new Uint8Array(await answer.arrayBuffer())
  }

  it('is enough for a client that knows nothing but the key: entries, tree, proofs', async () => {
    const answer = await ask('checkpoint')
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(answer.headers.get('cache-control')).toBe('public, max-age=2')
    const { checkpoint } = openCheckpoint(await answer.text(), (await house.sequencer.signers()).keys)
    expect(checkpoint.size).toBe(SIZE)
    const entries: Uint8Array[] = []
    for (let index = 0; widthOf(0, index, SIZE) > 0; index++)
      entries.push(...parseBundle(await bytesOf(tilePath({ level: 'entries', index, width: widthOf(0, index, SIZE) }))))
    const leaves = entries.map(leafHash)
    expect(isSame(rootOf(leaves), checkpoint.root)).toBe(true)
    const read = (nodes: readonly Node[]) =>
      Promise.all(
        nodes.map(async (node) => {
          const { level, index } = placeOf(node)
          return hashInTile(node, await bytesOf(tilePath({ level, index, width: widthOf(level, index, SIZE) })))
        }),
      )
    expect(isSame(await readRoot(SIZE, read), checkpoint.root)).toBe(true)
    for (const index of [0, 300, SIZE - 1]) {
      const proof = await readInclusion(index, SIZE, read)
      expect(verifyInclusion({ index, size: SIZE, leaf: leaves[index] ?? new Uint8Array(), root: checkpoint.root, proof })).toBe(
        true,
      )
    }
  })

  it('serves what older checkpoints needed: narrower tiles', async () => {
    const wide = await bytesOf('tile/0/002.p/89')
    expect(await bytesOf('tile/0/002.p/17')).toEqual(wide.subarray(0, 17 * 32))
    expect((await bytesOf('tile/0/000.p/255')).length).toBe(255 * 32)
  })

  it.each([
    ...[
      'tile/0/002',
      'tile/0/002.p/90',
      'tile/0/003',
      'tile/1/000',
      'tile/2/000.p/1',
      'tile/entries/002.p/90',
      'tile/0/2',
      'tile/',
    ],
    ...['tile/0/000.p/256', 'tile/..%2f..%2fhealthz', 'tile/64/000', 'tile/0/x999/x999/x999/x999/999', 'checkpoints', ''],
  ])('has no %s', async (path) => {
    const answer = await ask(path)
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([404, 'no-store'])
  })

  it('is read-only', async () => {
    expect((await ask('checkpoint', { method: 'POST' })).status).toBe(405)
    expect((await ask('checkpoint', { method: 'HEAD' })).status).toBe(200)
  })
})
