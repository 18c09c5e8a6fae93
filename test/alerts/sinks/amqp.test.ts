import amqp, { type GetMessage } from 'amqplib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RABBITMQ, type Rabbitmq, startRabbitmq } from '../../servers/rabbitmq.ts'
import { needs } from '../../servers/require.ts'
import { ALERT } from '../sample.ts'
import { brokerSinkSuite } from './broker-suite.ts'
import { authority, clientPair, keep, numbered, openEntry, PASSWORD, receiptOf, serverPair, sized, stranger } from './brokers.ts'
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

  const secure = () => ({ to: `amqps://127.0.0.1:${broker.tlsPort}`, ca: 'file:/ca' })
  it('speaks TLS with the broker by another of its names, and with none that speaks in clear', async () => {
    await queue('alerts')
    await receiptOf(open({ ...secure(), to: `amqps://localhost:${broker.tlsPort}` }))
    const wrong = openEntry(entry(secure()), { secret: PASSWORD, ca: stranger.cert })
    expect(await failureOf(wrong)).toMatchObject({ detail: { error: 'SELF_SIGNED_CERT_IN_CHAIN' } })
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

  const suited = async (tls = false) => {
    const alerts = await queue('alerts')
    return {
      entry: { ...entry(), ...(tls ? secure() : {}) },
      deps: { secret: PASSWORD, ca: authority.cert },
      stored: async () =>
        (await alerts.all()).map(({ properties: { headers } }) => ({
          key: String(headers?.['revenant-dedup']),
          sequence: Number(headers?.['revenant-sequence']),
        })),
      stop: () => broker.stop(),
      start: () => broker.start(),
    }
  }
  brokerSinkSuite({
    kind: 'amqp',
    scheme: 'amqp',
    open: suited,
    signIns: [
      {
        name: 'a password',
        open: async () => ({ ...(await suited()), wrong: { secret: `${MARK}-wrong` } }),
        refused: { detail: { error: 403 } },
      },
    ],
    at: (port) => ({ entry: { ...entry(), to: `amqp://127.0.0.1:${port}` }, deps: { secret: PASSWORD } }),
  })
})
