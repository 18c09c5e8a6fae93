import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { API, type Gate, type GateOptions, KCAT, startBroker, startGate } from '../../servers/kafka.ts'
import { needs } from '../../servers/require.ts'
import { freePort } from '../../servers/spawned.ts'
import { ALERT } from '../sample.ts'
import {
  authority,
  clientPair,
  deliverMany,
  expectNoHandles,
  expectOrder,
  keep,
  numbered,
  openEntry,
  PASSWORD,
  receiptOf,
  serverPair,
  stranger,
} from './brokers.ts'
import { failureOf, MARK, message } from './deps.ts'

// Receiver: the mock cluster of librdkafka, the protocol's reference client library in C, run by kcat. TLS, SASL and errors come from
// a gate of ours in front of it, written from the protocol's documentation. No Apache Kafka can be installed from Debian or npm.
const TOPIC = 'alerts'

describe.skipIf(!needs('kcat', KCAT))('kafka (needs the package kcat)', () => {
  const broker = async () => keep(await startBroker(TOPIC))
  const entry = (port: number, more: object = {}) => ({ sink: 'kafka', to: `tcp://127.0.0.1:${port}`, topic: TOPIC, ...more })

  /** A broker behind a gate. */
  async function gated(options: GateOptions = {}) {
    const behind = await broker()
    const gate: Gate = keep(await startGate(behind, options))
    return { broker: behind, gate, port: gate.port }
  }

  it('writes one record under the finding’s key, with the facts as headers', async () => {
    const own = await broker()
    const one = message()
    const receipt = await receiptOf(openEntry(entry(own.port)), one)
    const [record] = await own.records(1)
    expect(record).toMatchObject({ key: ALERT.dedupKey, payload: one.rendered.body, topic: TOPIC, partition: receipt.partition })
    expect(receipt).toEqual({ topic: TOPIC, partition: record?.partition, offset: String(record?.offset) })
    const headers = record?.headers ?? []
    expect(headers[headers.indexOf('content-type') + 1]).toBe('application/json')
    expect(headers[headers.indexOf('revenant-id') + 1]).toBe(ALERT.id)
    expect(headers[headers.indexOf('revenant-severity') + 1]).toBe('critical')
  })

  it('keeps each finding in one partition and in order in 200 deliveries at once', async () => {
    const own = await broker()
    await deliverMany(openEntry(entry(own.port)))
    const records = await own.records(200)
    expect(records.length).toBe(200)
    const sorted = records.toSorted((one, other) => one.partition - other.partition || one.offset - other.offset)
    expectOrder(sorted.map(({ key, payload }) => ({ key, sequence: Number(JSON.parse(payload).data.sequence) })))
    for (const of of Map.groupBy(records, ({ key }) => key).values())
      expect(new Set(of.map(({ partition }) => partition)).size).toBe(1)
  })

  it('asks for an idempotent producer', async () => {
    const { gate, port } = await gated()
    await receiptOf(openEntry(entry(port)))
    expect(gate.requests).toContain(API.initProducerId)
    expect(gate.requests.filter((api) => api === API.produce).length).toBe(1)
  })

  it('sends a record again whose acknowledgement was lost on the way', async () => {
    let lose = true
    const {
      gate,
      port,
      broker: behind,
    } = await gated({
      fault(api) {
        if (api !== API.produce || !lose) return undefined
        lose = false
        return 'lose'
      },
    })
    await receiptOf(openEntry(entry(port)))
    expect(gate.requests.filter((api) => api === API.produce).length).toBe(2)
    const records = await behind.records(1)
    expect(new Set(records.map(({ headers }) => headers[headers.indexOf('revenant-id') + 1]))).toEqual(new Set([ALERT.id]))
  })

  it.each([
    ['TOPIC_AUTHORIZATION_FAILED', API.produce, 29, true],
    ['NOT_ENOUGH_REPLICAS', API.produce, 19, true],
    ['MESSAGE_TOO_LARGE', API.produce, 10, false],
    ['INVALID_RECORD', API.produce, 87, false],
    ['CLUSTER_AUTHORIZATION_FAILED', API.initProducerId, 31, true],
    ['UNKNOWN_TOPIC_OR_PARTITION', API.metadata, 3, true],
    ['TOPIC_AUTHORIZATION_FAILED', API.metadata, 29, true],
  ])('is refused with %s, and delivers afterwards', async (error, api, code, retry) => {
    let broken = true
    const { port } = await gated({ fault: (asked) => (broken && asked === api ? code : undefined) })
    const sink = openEntry(entry(port))
    expect(await failureOf(sink)).toMatchObject({ code: 'SINK_REFUSED', retry, detail: { error } })
    broken = false
    await receiptOf(sink)
  })

  it('fails while the broker is down and delivers to it once it is back', async () => {
    const own = await broker()
    const first = await startGate(own)
    const sink = openEntry(entry(first.port, { timeout: '5s' }))
    await receiptOf(sink, numbered(1))
    await first.close()
    expect(await failureOf(sink, numbered(2))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: 'ECONNREFUSED' },
    })
    keep(await startGate(own, { port: first.port }))
    await receiptOf(sink, numbered(2))
    const records = await own.records(2)
    expect(records.map(({ payload }) => JSON.parse(payload).data.sequence)).toEqual([1, 2])
  })

  it('starts from the next broker when the first is down', async () => {
    const own = await broker()
    await receiptOf(openEntry({ ...entry(own.port), to: `tcp://127.0.0.1:${await freePort()},tcp://127.0.0.1:${own.port}` }))
  })

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
    'signs in with %s, and is refused with a wrong password',
    async (mechanism) => {
      const named = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const
      const { port, broker: behind } = await gated({ users: { revenant: PASSWORD }, mechanism: named[mechanism] })
      const auth = { mechanism, username: 'revenant', secret: 'env:X' }
      await receiptOf(openEntry(entry(port, auth), { secret: PASSWORD }))
      expect(await failureOf(openEntry(entry(port, auth), { secret: `${MARK}-wrong` }))).toMatchObject({
        code: 'SINK_REFUSED',
        retry: true,
        detail: { error: 'SASL_AUTHENTICATION_FAILED' },
      })
      const other = mechanism === 'plain' ? 'scram-sha-512' : 'plain'
      expect(await failureOf(openEntry(entry(port, { ...auth, mechanism: other }), { secret: PASSWORD }))).toMatchObject({
        code: 'SINK_REFUSED',
        retry: true,
        detail: { error: 'UNSUPPORTED_SASL_MECHANISM' },
      })
      expect((await behind.records(1)).length).toBe(1)
    },
  )

  it('speaks TLS with a verified broker and with no other', async () => {
    const { port, gate, broker: behind } = await gated({ tls: serverPair })
    const secure = { to: `tls://127.0.0.1:${port}`, ca: 'file:/ca' }
    await receiptOf(openEntry(entry(port, secure), { ca: authority.cert }))
    const asked = gate.requests.length
    expect(await failureOf(openEntry(entry(port, secure), { ca: stranger.cert }))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: expect.stringMatching(/CERT|VERIFY/) },
    })
    expect(gate.requests.length).toBe(asked)
    expect(await failureOf(openEntry(entry(port, { timeout: '2s' })))).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true })
    expect((await behind.records(1)).length).toBe(1)
  })

  it('shows its client certificate, and is turned away without one', async () => {
    const { port, gate } = await gated({ tls: serverPair, clients: true })
    const secure = { to: `tls://127.0.0.1:${port}`, ca: 'file:/ca' }
    const files = { ca: authority.cert, clientCert: clientPair.cert, clientKey: clientPair.key }
    await receiptOf(openEntry(entry(port, { ...secure, clientCert: 'file:/c', clientKey: 'file:/k' }), files))
    const asked = gate.requests.length
    expect(await failureOf(openEntry(entry(port, { ...secure, timeout: '3s' }), { ca: authority.cert }))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
    })
    expect(gate.requests.length).toBe(asked)
  })

  it('fails in time on a broker that does not acknowledge, and does not hold up the next for it', async () => {
    let hang = true
    const { port } = await gated({ fault: (api) => (hang && api === API.produce ? 'hang' : undefined) })
    const sink = openEntry(entry(port, { timeout: '500ms' }))
    expect(await failureOf(sink, numbered(1))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: 'TIMEOUT' },
    })
    hang = false
    await receiptOf(sink, numbered(2))
  })

  it('fails within its timeout on a peer that never answers, stops when the caller aborts, and when it is closed', async () => {
    const sockets: Socket[] = []
    const peer = createServer((socket) => sockets.push(socket.on('error', () => undefined).resume())).listen(0, '127.0.0.1')
    await once(peer, 'listening')
    keep({
      close: async () => {
        for (const socket of sockets) socket.destroy()
        peer.close()
      },
    })
    const { port } = peer.address() as AddressInfo
    expect(await failureOf(openEntry(entry(port, { timeout: '300ms' })))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: 'TIMEOUT' },
    })
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 50)
    expect(await failureOf(openEntry(entry(port)), message(), abort.signal)).toMatchObject({ detail: { error: 'ABORTED' } })
    const sink = openEntry(entry(port))
    const pending = failureOf(sink)
    await sink.close()
    expect(await pending).toMatchObject({ retry: true, detail: { error: 'CLOSED' } })
  })

  it('leaves nothing open once it is closed', async () => {
    const own = await broker()
    const before = process.getActiveResourcesInfo()
    const sink = openEntry(entry(own.port))
    await receiptOf(sink)
    await sink.close()
    await expectNoHandles(before)
  })
})
