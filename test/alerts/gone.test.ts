import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type DeliveryDeps, deliver } from '../../src/alerts/delivery.ts'
import { openRaise } from '../../src/alerts/raise.ts'
import type { SinkConfig } from '../../src/config/config.ts'
import { openSinks, type Sinks } from '../../src/daemon/sinks.ts'
import type { Alert } from '../../src/domain/alert.ts'
import { newId } from '../../src/domain/id.ts'
import { applySignals } from '../../src/findings/apply.ts'
import { type KeyedSignal, orphanSignal, systemSignal } from '../../src/findings/signals.ts'
import { listDeliveries, redriveDeliveries } from '../../src/store/delivery.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../servers/webhook-receiver.ts'
import { addSystem } from '../store/rows.ts'
import { CONTEXT } from './sample.ts'

const RUNBOOK = 'https://wiki.example.com/payroll-access'
const POLICY = {
  revokeWithinMs: { low: 1, standard: 1, critical: 1 },
  verifyWithinMs: 1,
  confirmRejections: 2,
  confirmAfterMs: 1,
  cadence: [{ everyMs: 1 }],
  provenEveryMs: 1,
  remindEveryMs: 1,
}

describe.each(STORES.slice(0, 2))('alerts on $name', ({ open }) => {
  let test: TestStore
  let receiver: WebhookReceiver
  let sinks: Sinks
  let status: number
  let now: Temporal.Instant
  const logged: string[] = []
  const failed: string[] = []

  const entry = (over: Partial<SinkConfig> = {}): SinkConfig => ({
    name: 'hook',
    sink: 'webhook',
    format: 'json',
    to: receiver.url,
    minSeverity: 'info',
    options: {},
    ...over,
  })
  const deps = (): DeliveryDeps => ({
    db: test.store.db,
    sink: (name) => sinks.byName(name),
    context: CONTEXT,
    enqueue: async () => {},
    now: () => now,
    delivered: () => {},
    failed: ({ code, dead }) => failed.push(`${code}${dead ? ' dead' : ''}`),
    log: (level, message) => logged.push(`${level}: ${message}`),
  })
  /** Raises the alert of a signal; answers the ids of its deliveries. */
  const raise = async (signal: KeyedSignal): Promise<string[]> => {
    const ids: string[] = []
    const raiser = openRaise({
      routes: () => sinks.routes(),
      policy: () => POLICY,
      now: () => now,
      runbook: (name) => (name.startsWith('payroll') ? RUNBOOK : undefined),
      enqueue: async (_db, deliveries) => void ids.push(...deliveries.map(({ id }) => id)),
    })
    await test.store.db.transaction().execute((tx) => applySignals(tx, [signal], POLICY, raiser))
    return ids
  }
  const blind = async (name: string) =>
    raise(
      systemSignal(
        'blind',
        { at: now, systemId: await addSystem(test.store.db, name), system: name, tier: 'low', holds: true },
        POLICY,
      ),
    )
  const send = async (ids: readonly string[]) => {
    for (const id of ids) await deliver(id, AbortSignal.timeout(10_000), deps())
  }
  const standing = async (id: string | undefined) => {
    const row = (await listDeliveries(test.store.db, { limit: 1_000 })).find((each) => each.id === id)
    return row === undefined ? undefined : { state: row.state, attempts: row.attempts, detail: row.detail }
  }
  const bodyOf = async (id: string | undefined): Promise<Alert | undefined> =>
    (await listDeliveries(test.store.db, { limit: 1_000 })).find((each) => each.id === id)?.body
  const redrive = async () => {
    now = now.add({ seconds: 1 })
    return (await redriveDeliveries(test.store.db, { sink: 'hook', limit: 100 }, now)).map(({ id }) => id)
  }

  beforeAll(async () => {
    test = await open()
  }, 120_000)
  afterAll(() => test?.stop())
  beforeEach(async () => {
    status = 204
    // The database keeps microseconds and rounds.
    now = Temporal.Now.instant().round('millisecond')
    logged.length = 0
    failed.length = 0
    receiver = await startWebhookReceiver({ respond: (response) => response.writeHead(status).end() })
    sinks = await openSinks([entry()], CONTEXT)
  })
  afterEach(async () => {
    await sinks.close()
    await receiver.close()
    await test.store.db.deleteFrom('delivery').execute()
  })

  it('of a system quotes its runbook, of an orphan names no system', async () => {
    const [system] = await blind('payroll-1')
    expect(await bodyOf(system)).toMatchObject({ system: { name: 'payroll-1', runbook: RUNBOOK } })
    expect((await bodyOf(system))?.remediation[0]).toBe(`Runbook: ${RUNBOOK}`)
    const [other] = await blind('other-1')
    expect((await bodyOf(other))?.system).not.toHaveProperty('runbook')

    const identityId = newId()
    await test.store.db
      .insertInto('identity')
      .values({
        id: identityId,
        external_id: 'S-7',
        kind: 'service',
        name: 'svc-deploy',
        owner_external_id: 'E1',
        source: 'test',
      })
      .execute()
    const [orphan] = await raise(orphanSignal({ at: now, identityId, identityKind: 'service', holds: true }, POLICY))
    const body = await bodyOf(orphan)
    expect(body).not.toHaveProperty('system')
    expect(body).toMatchObject({
      title: 'Orphaned identity: svc-deploy has no owner: E1 has left',
      identity: { externalId: 'S-7', owner: 'E1' },
    })
    await send(orphan === undefined ? [] : [orphan])
    expect(JSON.parse(receiver.received[0]?.body ?? '{}').data).not.toHaveProperty('system')
  })

  it('stop at a receiver that is gone, say so once, and go on after a redrive', async () => {
    status = 410
    const first = await blind('gone-1')
    const second = await blind('gone-2')
    const third = await blind('gone-3')
    await send([...first, ...second, ...third])
    expect(receiver.received.length).toBe(1)
    expect(await standing(first[0])).toMatchObject({
      state: 'dead',
      detail: 'sink hook: the receiver answered 410 and wants no more alerts',
    })
    for (const [id] of [second, third])
      expect(await standing(id)).toEqual({ state: 'dead', attempts: 1, detail: 'the receiver said it is gone (410)' })
    expect(failed).toEqual(['SINK_REFUSED dead', 'SINK_GONE dead', 'SINK_GONE dead'])
    expect(logged.filter((line) => line.startsWith('error:')).length).toBe(1)

    // Still gone: one of those redriven asks, the others take its word.
    const again = await redrive()
    expect(again.length).toBe(3)
    await send(again)
    expect(receiver.received.length).toBe(2)
    expect(failed.slice(3)).toEqual(['SINK_REFUSED dead', 'SINK_GONE dead', 'SINK_GONE dead'])

    // Back, but busy at first: a redriven delivery that fails otherwise is tried again as any other.
    status = 503
    await send(await redrive())
    expect(receiver.received.length).toBe(5)
    expect(await standing(first[0])).toMatchObject({ state: 'pending' })
    status = 204
    await send([...first, ...second, ...third, ...(await blind('gone-4'))])
    expect((await listDeliveries(test.store.db, { limit: 10 })).map((row) => row.state)).toEqual(Array(4).fill('delivered'))
  })

  it('ask a gone receiver again when its entry has changed, not when another one has', async () => {
    status = 410
    await send(await blind('reload-1'))
    const other = entry({ name: 'other' })
    let next = await openSinks([entry(), other], CONTEXT, sinks)
    await sinks.close()
    sinks = next
    await send(await blind('reload-2'))
    expect(receiver.received.length, 'the other sink alone').toBe(2)

    next = await openSinks([entry({ minSeverity: 'low' })], CONTEXT, sinks)
    await sinks.close()
    sinks = next
    await send(await blind('reload-3'))
    expect(receiver.received.length).toBe(3)

    next = await openSinks([entry({ minSeverity: 'low' })], CONTEXT)
    await sinks.close()
    sinks = next
    await send(await blind('reload-4'))
    expect(receiver.received.length, 'a restart').toBe(4)
  })
})
