import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { OpenedSink } from '../../src/alerts/delivery.ts'
import { HEARTBEAT_FORMATS } from '../../src/alerts/formats/format.ts'
import { type HeartbeatDeps, sendHeartbeats } from '../../src/alerts/heartbeat.ts'
import { openSink } from '../../src/alerts/sinks/registry.ts'
import { webhookEntry } from '../../src/alerts/sinks/webhook.ts'
import { newId } from '../../src/domain/id.ts'
import type { Route } from '../../src/domain/route.ts'
import { insertAlerts } from '../../src/store/alert.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../servers/webhook-receiver.ts'
import { addCheck, addSystem, clear } from '../store/checks.ts'
import { openedSink } from './opened-sink.ts'
import { openDoors } from './post-office.ts'
import { CONTEXT } from './sample.ts'

const MINUTE = 60_000

describe.each(STORES.slice(0, 2))('signs of life on $name', ({ open }) => {
  let test: TestStore
  let receiver: WebhookReceiver
  let clock: Temporal.Instant
  let logged: string[]
  let closers: (() => Promise<unknown>)[]
  const db = () => test.store.db

  beforeAll(async () => {
    test = await open()
  }, 120_000)
  afterAll(() => test?.stop())
  beforeEach(async () => {
    await clear(db())
    await db().deleteFrom('sink_beat').execute()
    clock = Temporal.Now.instant().round('second')
    logged = []
    receiver = await startWebhookReceiver()
    closers = [() => receiver.close()]
  })
  afterEach(async () => {
    for (const close of closers.reverse()) await close()
  })

  const deps = (): HeartbeatDeps => ({
    db: db(),
    context: CONTEXT,
    now: () => clock,
    log: (_level, message) => logged.push(message),
  })
  const hook = (name: string, route: Partial<Route>, url = receiver.url, format: OpenedSink['format'] = 'json') => {
    const sink = openSink(webhookEntry.parse({ name, sink: 'webhook', to: url, format, timeout: '1s' }), {
      context: CONTEXT,
      now: () => clock,
    })
    closers.push(() => sink.close())
    return openedSink(sink, route, format)
  }
  const tick = async (sinks: readonly OpenedSink[], seconds = 60) => {
    clock = clock.add({ milliseconds: Math.round(seconds * 1_000) })
    return sendHeartbeats(sinks, deps())
  }

  it('are sent once a period, over restarts and by clocks that are not exact', async () => {
    const sinks = () => [hook('soc', { heartbeatMs: 5 * MINUTE })]
    const sent: number[] = []
    // A restart each tick: nothing is remembered but by the database. The tick comes now early, now late.
    for (let minute = 0; minute < 16; minute++) sent.push(await tick(sinks(), minute % 2 === 0 ? 59.99 : 60.01))
    expect(sent).toEqual([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])
    const bodies = receiver.received.map(({ body }) => JSON.parse(body))
    expect(new Set(bodies.map(({ data }) => data.id)).size).toBe(4)
    for (const [n, { type, data }] of bodies.entries()) {
      expect(type).toBe('revenant.heartbeat')
      const next = bodies[n + 1]
      if (next !== undefined) expect(Date.parse(next.data.at)).toBeLessThan(Date.parse(data.nextBy))
    }
  })

  it('are sent by one of many replicas', async () => {
    const replicas = [1, 2, 3, 4].map(() => [hook('soc', { heartbeatMs: MINUTE })])
    for (let minute = 0; minute < 3; minute++) {
      clock = clock.add({ seconds: 60 })
      const sent = await Promise.all(replicas.map((sinks) => sendHeartbeats(sinks, deps())))
      expect(sent.reduce((a, b) => a + b, 0)).toBe(1)
    }
    expect(receiver.received).toHaveLength(3)
  })

  it('say what the database holds', async () => {
    const systemId = await addSystem(db(), 'payroll')
    const past = clock.subtract({ hours: 1 })
    const add = async (state: Record<string, string>, dueAt = clock.add({ hours: 1 })) => {
      const { id } = await addCheck(db(), systemId, { dueAt, terminatedAt: clock.subtract({ hours: 48 }) })
      if (Object.keys(state).length > 0)
        await db().updateTable('check_state').set(state).where('credential_id', '=', id).execute()
    }
    for (let n = 0; n < 3; n++) await add({ verdict: 'accepted' })
    for (let n = 0; n < 4; n++) await add({ verdict: 'rejected', dead_at: past.toString() })
    for (let n = 0; n < 2; n++) await add({ verdict: 'inconclusive', reason: 'timeout' })
    await add({}, past)
    const severities = ['critical', 'critical', 'high', 'medium', 'low', 'low', 'low'] as const
    const doors = await openDoors(db(), () => clock, severities.length)
    const ids = await db().selectFrom('finding').select('id').execute()
    for (const [n, { id }] of ids.entries())
      await db()
        .updateTable('finding')
        .set({ severity: severities[n] ?? 'info' })
        .where('id', '=', id)
        .execute()
    const deliveries = ['a', 'b', 'c', 'd', 'e'].map((sink) => ({ id: newId(), sink, groupKey: undefined }))
    const [door] = doors
    if (door === undefined) throw new Error('no door')
    const alert = door.alert('opened')
    await insertAlerts(db(), [{ alert, findingId: alert.finding.id, deliveries }])
    await db().updateTable('delivery').set({ state: 'dead', next_at: null }).where('sink', 'in', ['a', 'b']).execute()
    await db().updateTable('delivery').set({ state: 'delivered', next_at: null }).where('sink', '=', 'c').execute()
    expect(await tick([hook('soc', { heartbeatMs: MINUTE })])).toBe(1)
    const { data } = JSON.parse(receiver.received[0]?.body ?? '{}')
    expect(data).toEqual({
      id: expect.any(String),
      at: clock.toString(),
      nextBy: clock.add({ minutes: 3 }).toString(),
      open: { critical: 2, high: 1, medium: 1, low: 3, info: 0 },
      coverage: { verified: 7, unverified: 3, overdue: 1 },
      deliveries: { pending: 2, dead: 2 },
    })
  })

  it('come in every format that has one', async () => {
    const formats = ['json', 'ocsf', 'ecs', 'cef', 'leef', 'udm', 'text', 'mail'] as const
    expect(Object.keys(HEARTBEAT_FORMATS).toSorted()).toEqual([...formats].toSorted())
    const hooks = formats.filter(
      (format) => webhookEntry.safeParse({ name: 'x', sink: 'webhook', to: receiver.url, format }).success,
    )
    expect(hooks).toContain('ocsf')
    const sinks = hooks.map((format) => hook(`soc-${format}`, { heartbeatMs: MINUTE }, receiver.url, format))
    expect(await tick(sinks)).toBe(hooks.length)
    for (const { body } of receiver.received) expect(body).toMatch(/heartbeat|Revenant is running/)
  })

  it('are not sent where none is asked for, nor to a receiver that is gone', async () => {
    const gone = hook('gone', { heartbeatMs: MINUTE })
    gone.goneSince = clock
    expect(await tick([hook('quiet', {}), gone])).toBe(0)
    expect(receiver.received).toEqual([])
    expect(await db().selectFrom('sink_beat').selectAll().execute()).toEqual([])
  })

  it('that nobody takes harm nothing: the others get theirs, and it is not tried again before its time', async () => {
    const dead = await startWebhookReceiver({ respond: () => {} })
    const refusing = await startWebhookReceiver({ respond: (response) => response.writeHead(500).end() })
    closers.push(
      () => dead.close(),
      () => refusing.close(),
    )
    const sinks = [
      hook('dead-1', { heartbeatMs: 5 * MINUTE }, dead.url),
      hook('dead-2', { heartbeatMs: 5 * MINUTE }, dead.url),
      hook('refusing', { heartbeatMs: 5 * MINUTE }, refusing.url),
      hook('soc', { heartbeatMs: 5 * MINUTE }),
    ]
    const sending = tick(sinks)
    while (receiver.received.length === 0 || dead.received.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(await sending).toBe(1)
    expect(logged).toEqual(Array(3).fill('a sign of life was not taken'))
    expect(await tick(sinks)).toBe(0)
    expect([dead.received.length, refusing.received.length, receiver.received.length]).toEqual([2, 1, 1])
    expect(
      sinks.map(({ breaker }) => breaker.closedUntil(clock)),
      'it says nothing of alerts',
    ).toEqual(Array(4).fill(undefined))
  })
})
