import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import amqp, { type GetMessage } from 'amqplib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RABBITMQ, type Rabbitmq, startRabbitmq } from '../../servers/rabbitmq.ts'
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
  sized,
  stranger,
} from './brokers.ts'
import { failureOf, MARK, message } from './deps.ts'

const USER = 'revenant'

describe.skipIf(!needs('rabbitmq-server', RABBITMQ))('amqp (needs the package rabbitmq-server)', () => {
  let broker: Rabbitmq
  beforeAll(async () => {
    broker = await startRabbitmq({ user: USER, password: PASSWORD, tls: serverPair })
  }, 90_000)
  afterAll(() => broker?.close(), 30_000)

  /** A channel of the test's own. */
  async function channel() {
    const connection = await amqp.connect(
      { protocol: 'amqp', hostname: '127.0.0.1', port: broker.port, vhost: '/' },
      { credentials: amqp.credentials.plain(USER, PASSWORD) },
    )
    keep({ close: () => connection.close().catch(() => undefined) })
    connection.on('error', () => undefined)
    return connection.createChannel()
  }

  /** An empty durable queue, and how to read it to its end. */
  async function queue(name: string, options: object = {}) {
    const own = await channel()
    await own.deleteQueue(name)
    await own.assertQueue(name, { durable: true, ...options })
    return {
      async all(): Promise<GetMessage[]> {
        const reader = await channel()
        const messages: GetMessage[] = []
        for (let one = await reader.get(name, { noAck: true }); one !== false; one = await reader.get(name, { noAck: true }))
          messages.push(one)
        return messages
      },
    }
  }

  const entry = (more: object = {}) => ({
    sink: 'amqp',
    to: `amqp://127.0.0.1:${broker.port}`,
    routingKey: 'alerts',
    username: USER,
    secret: 'env:X',
    ...more,
  })
  const open = (more: object = {}, password = PASSWORD) => openEntry(entry(more), { secret: password, ca: authority.cert })

  it('is told by the broker that it is stored, persistent and typed', async () => {
    const alerts = await queue('alerts')
    const one = message()
    expect(await receiptOf(open(), one)).toEqual({ exchange: '(default)', routingKey: 'alerts' })
    const [stored, ...more] = await alerts.all()
    expect(more).toEqual([])
    expect(stored?.content.toString()).toBe(one.rendered.body)
    expect(stored?.properties).toMatchObject({
      messageId: ALERT.id,
      contentType: 'application/json',
      type: 'revenant.opened',
      appId: 'revenant',
      deliveryMode: 2,
      timestamp: Math.floor(Date.parse(ALERT.at) / 1_000),
      headers: { 'revenant-dedup': ALERT.dedupKey, 'revenant-severity': 'critical' },
    })
  })

  it('sends a repeated delivery under the same message id', async () => {
    const alerts = await queue('alerts')
    const sink = open()
    await receiptOf(sink)
    await receiptOf(sink)
    expect((await alerts.all()).map(({ properties }) => properties.messageId)).toEqual([ALERT.id, ALERT.id])
  })

  it('fills in the routing key, so that topic exchanges can route by it', async () => {
    const own = await channel()
    await own.assertExchange('security', 'topic')
    const critical = await queue('critical')
    await own.bindQueue('critical', 'security', '*.critical.#')
    const sink = open({ exchange: 'security', routingKey: '{kind}.{severity}.{system}.{event}' })
    const alert = { ...ALERT, system: { ...ALERT.system, name: 'db.one #1*' } }
    expect(await receiptOf(sink, message(alert))).toEqual({
      exchange: 'security',
      routingKey: 'residual_access.critical.db_one_1_.opened',
    })
    expect((await critical.all()).length).toBe(1)
    const low = message({ ...ALERT, finding: { ...ALERT.finding, severity: 'low' } })
    expect(await failureOf(sink, low)).toMatchObject({ code: 'SINK_REFUSED', retry: true, detail: { error: 312 } })
  })

  it('keeps each finding’s order in 200 deliveries at once', async () => {
    const alerts = await queue('alerts')
    await deliverMany(open())
    const stored = await alerts.all()
    expectOrder(
      stored.map(({ properties: { headers } }) => ({
        key: String(headers?.['revenant-dedup']),
        sequence: Number(headers?.['revenant-sequence']),
      })),
    )
  })

  it('is not delivered where nothing routes it, the exchange is unknown, or it may not publish there; then goes on', async () => {
    const alerts = await queue('alerts')
    const own = await channel()
    await own.assertExchange('closed', 'fanout', { internal: true })
    expect(await failureOf(open({ routingKey: 'nowhere' }))).toMatchObject({
      code: 'SINK_REFUSED',
      retry: true,
      detail: { error: 312 },
    })
    const unknown = open({ exchange: 'unknown' })
    expect(await failureOf(unknown)).toMatchObject({ code: 'SINK_REFUSED', retry: true, detail: { error: 404 } })
    await own.assertExchange('unknown', 'fanout', { autoDelete: true })
    await own.bindQueue('alerts', 'unknown', '')
    expect(await receiptOf(unknown)).toMatchObject({ exchange: 'unknown' })
    expect(await failureOf(open({ exchange: 'closed' }))).toMatchObject({
      code: 'SINK_REFUSED',
      retry: true,
      detail: { error: 403 },
    })
    expect(await failureOf(open({ vhost: '/nowhere' }))).toMatchObject({
      code: 'SINK_REFUSED',
      retry: true,
      detail: { error: 'VHOST' },
    })
    expect((await alerts.all()).length).toBe(1)
  })

  it('is not delivered to a queue that is full and says so', async () => {
    await queue('full', { arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } })
    const sink = open({ routingKey: 'full' })
    await receiptOf(sink, numbered(1))
    expect(await failureOf(sink, numbered(2))).toMatchObject({ code: 'SINK_REFUSED', retry: true, detail: { error: 'NACK' } })
  })

  it('gives up a message that the broker finds too large, and goes on with the next', async () => {
    const alerts = await queue('alerts')
    const sink = open()
    expect(await failureOf(sink, sized(16_000))).toMatchObject({ code: 'SINK_REFUSED', retry: false, detail: { error: 406 } })
    await receiptOf(sink)
    expect((await alerts.all()).length).toBe(1)
  })

  it('is refused with a wrong password', async () => {
    expect(await failureOf(open({}, `${MARK}-wrong`))).toMatchObject({
      code: 'SINK_REFUSED',
      retry: true,
      detail: { error: 403 },
    })
  })

  const secure = () => ({ to: `amqps://127.0.0.1:${broker.tlsPort}`, ca: 'file:/ca' })
  it('speaks TLS with a verified broker and with no other', async () => {
    await queue('alerts')
    await receiptOf(open(secure()))
    await receiptOf(open({ ...secure(), to: `amqps://localhost:${broker.tlsPort}` }))
    const wrong = openEntry(entry(secure()), { secret: PASSWORD, ca: stranger.cert })
    expect(await failureOf(wrong)).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: 'SELF_SIGNED_CERT_IN_CHAIN' },
    })
    expect(await failureOf(open({ ...secure(), to: `amqps://127.0.0.1:${broker.port}` }))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
    })
  })

  it('signs in with its client certificate alone', async () => {
    const alerts = await queue('alerts')
    const { username: _, secret: __, ...rest } = entry({ ...secure(), clientCert: 'file:/c', clientKey: 'file:/k' })
    const files = { ca: authority.cert, clientCert: clientPair.cert, clientKey: clientPair.key }
    await receiptOf(openEntry(rest, files))
    expect((await alerts.all()).length).toBe(1)
    const unknown = authority.issue(['somebody'])
    expect(await failureOf(openEntry(rest, { ...files, clientCert: unknown.cert, clientKey: unknown.key }))).toMatchObject({
      code: 'SINK_REFUSED',
      retry: true,
      detail: { error: 403 },
    })
  })

  it('goes to the next broker when the first is down', async () => {
    await queue('alerts')
    await receiptOf(open({ to: `amqp://127.0.0.1:${await freePort()},amqp://127.0.0.1:${broker.port}` }))
  })

  it('fails within its timeout on a peer that never greets, stops when the caller aborts, and when it is closed', async () => {
    const sockets: Socket[] = []
    const peer = createServer((socket) => sockets.push(socket.on('error', () => undefined).resume())).listen(0, '127.0.0.1')
    await once(peer, 'listening')
    keep({
      close: async () => {
        for (const socket of sockets) socket.destroy()
        peer.close()
      },
    })
    const to = `amqp://127.0.0.1:${(peer.address() as AddressInfo).port}`
    expect(await failureOf(open({ to, timeout: '300ms' }))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: 'TIMEOUT' },
    })
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 50)
    expect(await failureOf(open({ to, timeout: '1s' }), message(), abort.signal)).toMatchObject({ detail: { error: 'ABORTED' } })
    const sink = open({ to, timeout: '1s' })
    const pending = failureOf(sink)
    await sink.close()
    expect(await pending).toMatchObject({ retry: true, detail: { error: 'CLOSED' } })
  })

  it('leaves nothing open once it is closed', async () => {
    await queue('alerts')
    const before = process.getActiveResourcesInfo()
    const sink = open()
    await receiptOf(sink)
    await sink.close()
    await expectNoHandles(before)
  })

  it('fails while the broker is down and delivers to it once it is back', async () => {
    const alerts = await queue('alerts')
    const sink = open()
    await receiptOf(sink, numbered(1))
    await broker.stop()
    expect(await failureOf(sink, numbered(2))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: 'ECONNREFUSED' },
    })
    await broker.start()
    await receiptOf(sink, numbered(2))
    expect((await alerts.all()).map(({ properties }) => properties.headers?.['revenant-sequence'])).toEqual(['1', '2'])
  }, 60_000)
})
