import { describe, expect, it } from 'vitest'
import { API, type Gate, type GateOptions, KCAT, startBroker, startGate } from '../../servers/kafka.ts'
import { needs } from '../../servers/require.ts'
import { ALERT } from '../sample.ts'
import { brokerSinkSuite } from './broker-suite.ts'
import { authority, clientPair, keep, numbered, openEntry, PASSWORD, receiptOf, serverPair, stranger } from './brokers.ts'
import { failureOf, MARK, message } from './deps.ts'

// Receiver: the mock cluster of librdkafka, the protocol's reference client library in C, run by kcat. TLS, SASL and errors come from
// a gate of ours in front of it, written from the protocol's documentation. No Apache Kafka can be installed from Debian or npm.
const TOPIC = 'alerts'
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const
const SASL = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const

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

  it.each(MECHANISMS)('is refused where the broker does not know %s', async (mechanism) => {
    const { port, broker: behind } = await gated({ users: { revenant: PASSWORD }, mechanism: SASL[mechanism] })
    const auth = { mechanism: mechanism === 'plain' ? 'scram-sha-512' : 'plain', username: 'revenant', secret: 'env:X' }
    expect(await failureOf(openEntry(entry(port, auth), { secret: PASSWORD }))).toMatchObject({
      code: 'SINK_REFUSED',
      retry: true,
      detail: { error: 'UNSUPPORTED_SASL_MECHANISM' },
    })
    await receiptOf(openEntry(entry(port, { ...auth, mechanism }), { secret: PASSWORD }))
    expect((await behind.records(1)).length).toBe(1)
  })

  it('asks nothing of a broker that is not the one, nor in clear of one that speaks TLS', async () => {
    const { port, gate } = await gated({ tls: serverPair })
    const secure = { to: `tls://127.0.0.1:${port}`, ca: 'file:/ca' }
    expect(await failureOf(openEntry(entry(port, secure), { ca: stranger.cert }))).toMatchObject({ code: 'SINK_UNREACHABLE' })
    expect(gate.requests.length).toBe(0)
    expect(await failureOf(openEntry(entry(port, { timeout: '2s' })))).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true })
    expect(gate.requests.length).toBe(0)
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

  const suited = async (options: GateOptions = {}) => {
    const own = await broker()
    let gate = keep(await startGate(own, options))
    const { port } = gate
    const secure = options.tls === undefined ? {} : { to: `tls://127.0.0.1:${port}`, ca: 'file:/ca' }
    return {
      entry: { ...entry(port), ...secure },
      deps: { ca: authority.cert },
      stored: async (count: number) =>
        (await own.records(count))
          .toSorted((one, other) => one.partition - other.partition || one.offset - other.offset)
          .map(({ key, payload, partition }) => ({
            key,
            sequence: Number(JSON.parse(payload).data.sequence),
            place: partition,
          })),
      stop: () => gate.close(),
      start: async () => {
        gate = keep(await startGate(own, { ...options, port }))
      },
    }
  }
  brokerSinkSuite({
    kind: 'kafka',
    scheme: 'tcp',
    open: (tls) => suited(tls ? { tls: serverPair } : {}),
    signIns: MECHANISMS.map((mechanism) => ({
      name: mechanism,
      open: async () => {
        const own = await suited({ users: { revenant: PASSWORD }, mechanism: SASL[mechanism] })
        return {
          ...own,
          entry: { ...own.entry, mechanism, username: 'revenant', secret: 'env:X' },
          deps: { secret: PASSWORD },
          wrong: { secret: `${MARK}-wrong` },
        }
      },
      refused: { detail: { error: 'SASL_AUTHENTICATION_FAILED' } },
    })),
    at: (port) => ({ entry: entry(port), deps: {} }),
  })
})
