import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { backoffMs, type DeliveryDeps, deliver, recoverDeliveries } from '../../src/alerts/delivery.ts'
import { openSink } from '../../src/alerts/sinks/registry.ts'
import { webhookEntry } from '../../src/alerts/sinks/webhook.ts'
import { newId } from '../../src/domain/id.ts'
import { type Jobs, openJobs } from '../../src/jobs/jobs.ts'
import { insertAlerts } from '../../src/store/alert.ts'
import { redriveDeliveries } from '../../src/store/delivery.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { type Respond, startWebhookReceiver, type WebhookReceiver } from '../servers/webhook-receiver.ts'
import { clear } from '../store/checks.ts'
import { openedSink } from './opened-sink.ts'
import { ALERT, CONTEXT } from './sample.ts'

const never = new AbortController().signal

describe.each(STORES.filter((kind) => kind.name !== 'Postgres 15'))('deliveries on $name', (kind) => {
  let test: TestStore
  let receivers: WebhookReceiver[]
  let respond: Respond
  let deps: DeliveryDeps
  let enqueued: { id: string; attempts: number; afterMs: number | undefined }[]
  let told: string[]
  let clockMs: number
  const now = () => Temporal.Instant.fromEpochMilliseconds(clockMs)
  const db = () => test.store.db

  beforeAll(async () => {
    test = await kind.open()
  })
  afterAll(() => test.stop())
  beforeEach(async () => {
    await clear(db())
    clockMs = Date.now()
    enqueued = []
    told = []
    respond = (response) => response.writeHead(204).end()
    receivers = [await startWebhookReceiver({ respond: (response, one) => respond(response, one) }), await startWebhookReceiver()]
    const sinks = new Map(
      receivers.map((receiver, n) => {
        const entry = webhookEntry.parse({ name: `hook${n}`, sink: 'webhook', to: receiver.url, timeout: '2s' })
        return [entry.name, openedSink(openSink(entry, { context: CONTEXT, now }))] as const
      }),
    )
    deps = {
      db: db(),
      sink: (name) => sinks.get(name),
      context: CONTEXT,
      enqueue: async (_db, { id, attempts }, startAfter) => {
        enqueued.push({ id, attempts, afterMs: startAfter === undefined ? undefined : startAfter.epochMilliseconds - clockMs })
      },
      now,
      delivered: ({ sink }) => told.push(`${sink} delivered`),
      failed: ({ sink, dead, code }) => told.push(`${sink} ${dead ? 'dead' : 'failed'} ${code}`),
      log: () => {},
    }
  })
  afterEach(async () => {
    for (const name of ['hook0', 'hook1']) await deps.sink(name)?.sink.close()
    for (const receiver of receivers) await receiver.close()
  })

  const finding = async () => {
    const id = newId()
    const at = now().toString()
    await db()
      .insertInto('finding')
      .values({
        id,
        key: id,
        kind: 'residual_access',
        severity: 'low',
        state: 'open',
        episode: 1,
        sequence: 1,
        opened_at: at,
        last_seen_at: at,
      })
      .execute()
    return id
  }
  /** An alert of a finding; answers the ids of its deliveries. */
  const alert = async (findingId: string, sequence: number, sinks = ['hook0']) => {
    const deliveries = sinks.map((sink) => ({ id: newId(), sink, groupKey: undefined }))
    await insertAlerts(db(), [{ alert: { ...ALERT, id: newId(), sequence, at: now().toString() }, findingId, deliveries }])
    return deliveries.map((each) => each.id)
  }
  const one = async (findingId: string, sequence: number, sink?: string) => {
    const [id] = await alert(findingId, sequence, sink === undefined ? undefined : [sink])
    if (id === undefined) throw new Error('no delivery')
    return id
  }
  const state = (id: string) => db().selectFrom('delivery').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  const sequences = (n = 0) => receivers[n]?.received.map(({ body }) => JSON.parse(body).data.sequence)

  it('are made once, and not again when their job comes again', async () => {
    const id = await one(await finding(), 1)
    await deliver(id, never, deps)
    await deliver(id, never, deps)
    expect(sequences()).toEqual([1])
    expect(await state(id)).toMatchObject({ state: 'delivered', attempts: 1, next_at: null, detail: '{"status":204}' })
    expect([told, enqueued]).toEqual([['hook0 delivered'], []])
    await deliver(newId(), never, deps)
  })

  it('keep the order of one finding at one sink, and wait for its next try, not for ever shorter times', async () => {
    const of = await finding()
    const [first, second, third] = [await one(of, 1), await one(of, 2), await one(of, 3)]
    const other = await one(await finding(), 2)
    await deliver(second, never, deps)
    expect(sequences()).toEqual([])
    expect(enqueued).toEqual([{ id: second, attempts: 0, afterMs: 2_000 }])
    await deliver(other, never, deps)
    expect(sequences(), 'another finding waits for nobody').toEqual([2])
    respond = (response) => response.writeHead(503, { 'retry-after': '600' }).end()
    await deliver(first, never, deps)
    await deliver(second, never, deps)
    await deliver(third, never, deps)
    expect(enqueued.slice(1)).toEqual([
      { id: first, attempts: 1, afterMs: 600_000 },
      { id: second, attempts: 0, afterMs: 602_000 },
      { id: third, attempts: 0, afterMs: 604_000 },
    ])
    respond = (response) => response.writeHead(204).end()
    clockMs += 600_000
    for (const id of [first, second, third]) await deliver(id, never, deps)
    expect(sequences()?.slice(2)).toEqual([1, 2, 3])
  })

  it('are not held up by an alert before that is dead, nor by another sink', async () => {
    const of = await finding()
    const [dead, stuck] = await alert(of, 1, ['hook0', 'hook1'])
    const [next] = await alert(of, 2, ['hook0'])
    if (dead === undefined || stuck === undefined || next === undefined) throw new Error('no delivery')
    await db().updateTable('delivery').set({ state: 'dead', next_at: null }).where('id', '=', dead).execute()
    await deliver(next, never, deps)
    expect(sequences()).toEqual([2])
    expect((await state(stuck)).state).toBe('pending')
  })

  it.each<[string, Record<string, string>, number]>([
    ['as long as it asks', { 'retry-after': '90' }, 90_000],
    ['a day at most', { 'retry-after': '9999999' }, 86_400_000],
  ])('leave a receiver alone for %s', async (_name, headers, expected) => {
    respond = (response) => response.writeHead(503, headers).end()
    const id = await one(await finding(), 1)
    await deliver(id, never, deps)
    expect(enqueued).toEqual([{ id, attempts: 1, afterMs: expected }])
    const kept = await state(id)
    expect(kept).toMatchObject({ state: 'pending', attempts: 1 })
    expect(kept.next_at?.epochMilliseconds).toBe(clockMs + expected)
    expect(told).toEqual(['hook0 failed SINK_REFUSED'])
  })

  it('back off where it does not say', async () => {
    respond = (response) => response.writeHead(500).end()
    const id = await one(await finding(), 1)
    for (let n = 0; n < 4; n++) await deliver(id, never, deps)
    expect(enqueued.map((each) => each.attempts)).toEqual([1, 2, 3, 4])
    enqueued.forEach(({ afterMs = 0 }, n) => {
      expect(afterMs).toBeGreaterThanOrEqual(500 * 2 ** n)
      expect(afterMs).toBeLessThanOrEqual(1_000 * 2 ** n)
    })
  })

  it('are dead after three days of failures, however long they waited before, and at once where trying again cannot help; redriving brings them back', async () => {
    respond = (response) => response.writeHead(500).end()
    const [old, gone, removed] = [
      await one(await finding(), 1),
      await one(await finding(), 1),
      await one(await finding(), 1, 'nobody'),
    ]
    clockMs += 3 * 86_400_000 + 1
    await deliver(old, never, deps)
    expect(await state(old), 'its first try, after long quiet hours').toMatchObject({ state: 'pending', attempts: 1 })
    clockMs += 3 * 86_400_000
    await deliver(old, never, deps)
    expect((await state(old)).state).toBe('pending')
    clockMs += 1
    enqueued = []
    await deliver(old, never, deps)
    respond = (response) => response.writeHead(410).end()
    await deliver(gone, never, deps)
    await deliver(removed, never, deps)
    for (const [id, attempts] of [
      [old, 3],
      [gone, 1],
      [removed, 1],
    ] as const)
      expect(await state(id)).toMatchObject({ state: 'dead', attempts, next_at: null })
    expect(enqueued).toEqual([])
    clockMs += 1
    expect((await redriveDeliveries(db(), { sink: 'hook0', limit: 100 }, now())).map((each) => each.id).toSorted()).toEqual(
      [old, gone].toSorted(),
    )
    expect(await redriveDeliveries(db(), { sink: 'hook0', limit: 100 }, now())).toEqual([])
    respond = (response) => response.writeHead(204).end()
    expect(await state(gone)).toMatchObject({ state: 'pending', attempts: 1 })
    expect(await state(old), 'three days begin anew').toMatchObject({ state: 'pending', tried_at: null })
    await deliver(old, never, deps)
    expect(await state(old)).toMatchObject({ state: 'delivered', attempts: 4 })
  })

  it('that an aborted try leaves behind are tried again under the same id', async () => {
    respond = () => {}
    const id = await one(await finding(), 1)
    await deliver(id, AbortSignal.timeout(50), deps)
    respond = (response) => response.writeHead(204).end()
    await deliver(id, never, deps)
    const ids = receivers[0]?.received.map(({ headers }) => headers['webhook-id'])
    expect(ids).toHaveLength(2)
    expect(new Set(ids).size).toBe(1)
  })

  it('that nobody carries any more are found again, and only those; those of a removed sink are dead', async () => {
    const stranded = await one(await finding(), 1)
    const removed = await one(await finding(), 1, 'nobody')
    clockMs += 61_000
    const fresh = await one(await finding(), 1)
    const done = await one(await finding(), 1)
    await deliver(done, never, deps)
    expect(fresh).toBeDefined()
    expect(await recoverDeliveries(deps)).toBe(2)
    expect(enqueued).toEqual([{ id: stranded, attempts: 0, afterMs: undefined }])
    expect((await state(removed)).state).toBe('dead')
  })
})

describe('a sink that hangs', () => {
  it('delays no other sink', { timeout: 60_000 }, async () => {
    const kind = STORES.find((each) => each.name === 'PGlite')
    const test = await kind?.open()
    if (test === undefined) throw new Error('no PGlite')
    const dead = await startWebhookReceiver({ respond: () => {} })
    const well = await startWebhookReceiver()
    const sinks = new Map(
      [dead, well].map((receiver, n) => {
        const entry = webhookEntry.parse({ name: `hook${n}`, sink: 'webhook', to: receiver.url, timeout: '20s' })
        return [entry.name, openedSink(openSink(entry, { context: CONTEXT, now: () => Temporal.Now.instant() }))] as const
      }),
    )
    let jobs: Jobs | undefined
    try {
      const { db } = test.store
      jobs = await openJobs({ store: test.store, trialBudgetMs: 60_000, onError: () => {} })
      const running = jobs
      const deps: DeliveryDeps = {
        db,
        sink: (name) => sinks.get(name),
        context: CONTEXT,
        enqueue: async (tx, { id, ...rest }, startAfter) => {
          await running.enqueueDelivery(tx, { deliveryId: id, ...rest }, startAfter)
        },
        now: () => Temporal.Now.instant(),
        delivered: () => {},
        failed: () => {},
        log: () => {},
      }
      const at = Temporal.Now.instant().toString()
      const send = async (sink: string, count: number) => {
        for (let n = 0; n < count; n++) {
          const findingId = newId()
          const id = newId()
          await db
            .insertInto('finding')
            .values({
              id: findingId,
              key: id,
              kind: 'residual_access',
              severity: 'low',
              state: 'open',
              episode: 1,
              sequence: 1,
              opened_at: at,
              last_seen_at: at,
            })
            .execute()
          await insertAlerts(db, [
            { alert: { ...ALERT, id: newId(), at }, findingId, deliveries: [{ id, sink, groupKey: undefined }] },
          ])
          await running.enqueueDelivery(db, { deliveryId: id, sink, attempts: 0 })
        }
      }
      await running.prepareDeliveries(['hook0', 'hook1'])
      for (const sink of ['hook0', 'hook1'])
        await running.workDeliveries(sink, 4, ({ deliveryId }, signal) => deliver(deliveryId, signal, deps))
      await send('hook0', 12)
      await sleep(500)
      await send('hook1', 5)
      for (const until = performance.now() + 5_000; performance.now() < until && well.received.length < 5; ) await sleep(50)
      expect(well.received.length).toBe(5)
    } finally {
      for (const { sink } of sinks.values()) await sink.close()
      await jobs?.stop(1_000)
      await dead.close()
      await well.close()
      await test.stop()
    }
  })
})

describe('backoffMs', () => {
  it('doubles from a second to a quarter of an hour, with its upper half at random', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempts, random) => {
        const ceiling = Math.min(900_000, 1_000 * 2 ** Math.min(attempts, 30))
        expect(backoffMs(attempts, random)).toBeGreaterThanOrEqual(ceiling / 2)
        expect(backoffMs(attempts, random)).toBeLessThanOrEqual(ceiling)
      }),
    )
    expect([0, 1, 5, 9, 10, 50].map((attempts) => backoffMs(attempts, 1))).toEqual([
      1_000, 2_000, 32_000, 512_000, 900_000, 900_000,
    ])
    expect(backoffMs(3, 0)).toBe(4_000)
  })
})
