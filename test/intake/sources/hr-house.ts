import { createServer, type Server } from 'node:http'
import type { Facts } from '../../../src/domain/leaf.ts'
import type { Feed, FeedPolicy } from '../../../src/intake/feed/said.ts'
import { SOURCES } from '../../../src/intake/sources/registry.ts'
import type { Store } from '../../../src/store/db.ts'
import { syncFeeds } from '../../../src/store/feed.ts'
import { findIdentities } from '../../../src/store/identity.ts'
import { STORES } from '../../servers/stores.ts'
import { type House, openHouse } from '../house.ts'

export interface HrAsked {
  url: string
  authorization: string | undefined
}

/** Pulls once. */
export type Pull = () => Promise<void> | undefined

/** An HR system on the loopback, and a house that asks it. */
export interface HrHouse {
  store: Store
  house: House
  origin: string
  /** What the system was asked; emptied by the caller. */
  asked: HrAsked[]
  /** What it answers; a string goes out as it is. */
  answer: (url: URL) => { status: number; body: unknown }
  /** A source of leavers of its own, with these options; `with`: the same source, configured anew. */
  watch(
    options?: Record<string, unknown>,
  ): Promise<Pull & { with(more?: Record<string, unknown>): Pull; feed: Feed; position(): Facts | null }>
  /** When they left, by their external ids; `unknown` for nobody. */
  left(externalId: string): Promise<string | null>
  close(): Promise<void>
}

export interface HrHouseOptions {
  policy: FeedPolicy
  /** Of every source, under those of its own. */
  options: Record<string, unknown>
  readReference: (reference: string) => string
}

/** @param given what all of its sources have in common */
export async function openHrHouse(given: HrHouseOptions): Promise<HrHouse> {
  const [embedded] = STORES
  if (embedded === undefined) throw new Error('there is an embedded store')
  const test = await embedded.open()
  const { db } = test.store
  const house = await openHouse(test.store)
  const asked: HrAsked[] = []
  const server = createServer((request, response) => {
    asked.push({ url: request.url ?? '', authorization: request.headers.authorization })
    const { status, body } = hr.answer(new URL(request.url ?? '', 'http://hr'))
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  const origin = `http://127.0.0.1:${await listening(server)}`
  let sources = 0
  const hr: HrHouse = {
    ...{ store: test.store, house, origin, asked },
    answer: () => ({ status: 500, body: {} }),
    watch: async (options = {}) => {
      const name = `hr${++sources}`
      const [row] = await syncFeeds(db, [{ name, kind: 'hris', silentAfterMs: 60_000 }], house.now())
      const feed: Feed = { id: row?.id ?? '', name, kind: 'hris', policy: given.policy }
      let position: Facts | null = null
      const open = (more: Record<string, unknown> = {}): Pull => {
        const { pull } = SOURCES.hris.open({ origin, ...given.options, ...options, ...more })
        return () =>
          pull?.once({
            ...{ feed, position, log: () => {}, signal: new AbortController().signal },
            deps: { ...house.deps, actor: `feed ${name}` },
            move: async (to) => {
              position = to
            },
            readReference: async (reference) => given.readReference(reference),
            fingerprint: (secret) => house.custody.fingerprint(`feed:${feed.id}`, { secret }),
          })
      }
      return Object.assign(open(), { with: open, feed, position: () => position })
    },
    left: async (externalId) => {
      const row = (await findIdentities(db, [externalId])).get(externalId)
      return row === undefined ? 'unknown' : (row.terminated_at?.toString() ?? null)
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
      await house.close()
      await test.stop()
    },
  }
  return hr
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
