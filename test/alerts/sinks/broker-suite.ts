import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { SinkDeps } from '../../../src/alerts/sinks/sink.ts'
import { freePort } from '../../servers/spawned.ts'
import { deliverMany, expectNoHandles, expectOrder, keep, numbered, openEntry, receiptOf, stranger } from './brokers.ts'
import { failureOf, message } from './deps.ts'

/** A broker that is up and empty, and how to reach it. What it opens is closed after the test. */
export interface TestBroker {
  /** The whole entry but its name. */
  entry: { sink: string; to: string; [key: string]: unknown }
  /** What the entry's references resolve to. */
  deps: Partial<SinkDeps>
  /**
   * What it holds, in the order in which it has it; `place`: where, if it keeps messages in several. May read it away.
   *
   * @param count how many are to come at least, for brokers that show what they have late
   */
  stored(count: number): Promise<Stored[]>
  stop(): Promise<unknown>
  start(): Promise<unknown>
}

export interface Stored {
  key: string
  sequence: number
  place?: string | number
}

/** What the shared suite must know of one sink. */
export interface BrokerSinkSuite {
  kind: string
  /** @param tls whether it is reached by TLS; its certificate is of the CA of the day, which `deps.ca` holds */
  open(tls: boolean): Promise<TestBroker>
  /** Ways to sign in, each with secrets that the broker does not know. */
  signIns: readonly { name: string; open(): Promise<TestBroker & { wrong: Partial<SinkDeps> }>; refused: object }[]
  /** An entry, and its secrets, for whoever listens on that port. */
  at(port: number): Pick<TestBroker, 'entry' | 'deps'>
  /** How an address in a list begins; left out where there is one address only. */
  scheme?: string
  /** What the first delivery after the broker went fails with; left out: ECONNREFUSED. */
  gone?: unknown
  /** Handles of the test's own server, which lives in this process. */
  handles?: readonly string[]
}

/** What a sink does with every broker. */
export function brokerSinkSuite(suite: BrokerSinkSuite): void {
  const opened = ({ entry, deps }: Pick<TestBroker, 'entry' | 'deps'>, more: object = {}, other: Partial<SinkDeps> = {}) =>
    openEntry({ ...entry, ...more }, { ...deps, ...other })

  describe(`${suite.kind}, as every sink of a broker`, () => {
    it('keeps each finding’s order, in one place, in 200 deliveries at once', async () => {
      const broker = await suite.open(false)
      await deliverMany(opened(broker))
      const stored = await broker.stored(200)
      expect(stored.length).toBe(200)
      expectOrder(stored)
      for (const of of Map.groupBy(stored, ({ key }) => key).values()) expect(new Set(of.map(({ place }) => place)).size).toBe(1)
    })

    it('fails while the broker is down and delivers to it once it is back', async () => {
      const broker = await suite.open(false)
      const sink = opened(broker)
      await receiptOf(sink, numbered(1))
      await broker.stop()
      const refused = { code: 'SINK_UNREACHABLE', retry: true, detail: { error: 'ECONNREFUSED' } }
      expect(await failureOf(sink, numbered(2))).toMatchObject({ ...refused, detail: { error: suite.gone ?? 'ECONNREFUSED' } })
      expect(await failureOf(sink, numbered(2))).toMatchObject(refused)
      await broker.start()
      await receiptOf(sink, numbered(2))
      expect((await broker.stored(2)).map(({ sequence }) => sequence)).toEqual([1, 2])
    }, 60_000)

    const { scheme } = suite
    if (scheme !== undefined)
      it('goes to the next broker when the first is down', async () => {
        const broker = await suite.open(false)
        await receiptOf(opened(broker, { to: `${scheme}://127.0.0.1:${await freePort()},${broker.entry.to}` }))
        expect((await broker.stored(1)).length).toBe(1)
      })

    it.each(suite.signIns)('signs in with $name, and is refused with a wrong one', async ({ open, refused }) => {
      const broker = await open()
      await receiptOf(opened(broker))
      const failure = await failureOf(opened(broker, {}, broker.wrong))
      expect(failure).toMatchObject({ code: 'SINK_REFUSED', retry: true, ...refused })
      for (const secret of Object.values(broker.wrong)) expect(JSON.stringify(failure)).not.toContain(secret)
      expect((await broker.stored(1)).length).toBe(1)
    })

    it('speaks TLS with a verified broker and with no other', async () => {
      const broker = await suite.open(true)
      await receiptOf(opened(broker))
      expect(await failureOf(opened(broker, {}, { ca: stranger.cert }))).toMatchObject({
        code: 'SINK_UNREACHABLE',
        retry: true,
        detail: { error: expect.stringMatching(/CERT|VERIFY/) },
      })
      expect((await broker.stored(1)).length).toBe(1)
    })

    it('fails within its timeout on a peer that never answers, stops when the caller aborts, and when it is closed', async () => {
      const peer = suite.at(await silentPeer())
      expect(await failureOf(opened(peer, { timeout: '300ms' }))).toMatchObject({
        code: 'SINK_UNREACHABLE',
        retry: true,
        detail: { error: 'TIMEOUT' },
      })
      const abort = new AbortController()
      setTimeout(() => abort.abort(), 50)
      expect(await failureOf(opened(peer, { timeout: '1s' }), message(), abort.signal)).toMatchObject({
        retry: true,
        detail: { error: 'ABORTED' },
      })
      const sink = opened(peer, { timeout: '1s' })
      const pending = failureOf(sink)
      await sink.close()
      expect(await pending).toMatchObject({ retry: true, detail: { error: 'CLOSED' } })
    })

    it('leaves nothing open once it is closed, and delivers no more', async () => {
      const broker = await suite.open(false)
      const before = process.getActiveResourcesInfo()
      const sink = opened(broker)
      await receiptOf(sink)
      await sink.close()
      expect(await failureOf(sink)).toMatchObject({ retry: true, detail: { error: 'CLOSED' } })
      await expectNoHandles([...before, ...(suite.handles ?? [])])
    })
  })
}

/** Takes connections, and never says a word. Answers its port. */
async function silentPeer(): Promise<number> {
  const sockets: Socket[] = []
  const peer = createServer((socket) => sockets.push(socket.on('error', () => undefined).resume())).listen(0, '127.0.0.1')
  await once(peer, 'listening')
  keep({
    close: async () => {
      for (const socket of sockets) socket.destroy()
      peer.close()
    },
  })
  return z.object({ port: z.int() }).parse(peer.address()).port
}
