import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deliver } from '../../src/alerts/delivery.ts'
import { openRaise } from '../../src/alerts/raise.ts'
import type { SinkConfig } from '../../src/config/config.ts'
import { openSinks, type Sinks } from '../../src/daemon/sinks.ts'
import { newId } from '../../src/domain/id.ts'
import type { Route } from '../../src/domain/route.ts'
import { applySignals } from '../../src/findings/apply.ts'
import { type ObservedCredential, signalsOf } from '../../src/findings/signals.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../servers/webhook-receiver.ts'
import { addCheck, addSystem } from '../store/checks.ts'
import { CONTEXT } from './sample.ts'

const HOUR = 3_600_000
const POLICY = {
  revokeWithinMs: { low: 24 * HOUR, standard: HOUR, critical: HOUR },
  verifyWithinMs: 72 * HOUR,
  confirmRejections: 1,
  confirmAfterMs: 1,
  cadence: [{ everyMs: HOUR }],
  provenEveryMs: 24 * HOUR,
  remindEveryMs: 3 * HOUR,
}

describe.each(STORES.slice(0, 2))('a finding that nobody closes, on $name', ({ open }) => {
  let test: TestStore
  let first: WebhookReceiver
  let second: WebhookReceiver
  let sinks: Sinks

  beforeAll(async () => {
    test = await open()
    first = await startWebhookReceiver()
    second = await startWebhookReceiver()
    const entry = (name: string, to: string, over: Partial<SinkConfig>): SinkConfig => {
      return { name, sink: 'webhook', format: 'json', to, minSeverity: 'info', options: {}, ...over }
    }
    sinks = await openSinks([entry('first', first.url, {}), entry('second', second.url, { afterMs: 4 * HOUR })], CONTEXT)
  }, 120_000)
  afterAll(async () => {
    await sinks?.close()
    await first?.close()
    await second?.close()
    await test?.stop()
  })

  it('is reminded of, escalates with its age, and reaches the second line when it is old enough', async () => {
    const { db } = test.store
    const start = Temporal.Instant.from('2026-11-24T08:00:00Z')
    let routes: () => readonly Route[] = () => sinks.routes()
    const systemId = await addSystem(db, 'payroll')
    /** Accepts, or refuses, a credential so many hours after its owner left; answers nothing when no edge was made. */
    const follow = async () => {
      const { id: credentialId, identityId } = await addCheck(db, systemId, { terminatedAt: start })
      return async (hours: number, verdict: 'accepted' | 'rejected' = 'accepted') => {
        const at = start.add({ minutes: hours * 60 })
        const seen: ObservedCredential = {
          ...{ at, systemId, identityId, credentialId, observationId: newId(), trialId: newId(), traceId: 'f'.repeat(32) },
          ...{ verdict, reason: verdict === 'accepted' ? 'authenticated' : 'invalid_credentials', strength: 'strong' },
          ...{
            assurance: 'controlled',
            confirmed: verdict === 'accepted',
            otherPrincipal: false,
            tier: 'standard',
            system: 'payroll',
          },
          ...{
            identityKind: 'human',
            privilege: 'standard',
            credentialKind: 'password',
            shared: false,
            handoverBy: undefined,
            terminatedAt: start,
            wasDead: false,
          },
        }
        const ids: string[] = []
        const raise = openRaise({
          routes: () => routes(),
          policy: () => POLICY,
          runbook: () => undefined,
          enqueue: async (_db, deliveries) => void ids.push(...deliveries.map(({ id }) => id)),
          now: () => at,
        })
        await db.transaction().execute((tx) => applySignals(tx, signalsOf(seen, POLICY), POLICY, raise))
        const deps = {
          ...{ db, sink: sinks.byName, context: CONTEXT, enqueue: async () => {}, now: () => at },
          ...{ delivered: () => {}, failed: () => {}, log: () => {} },
        }
        for (const id of ids) await deliver(id, AbortSignal.timeout(10_000), deps)
      }
    }
    const told = ({ received }: WebhookReceiver) =>
      received.map(({ body }) => JSON.parse(body).data).map(({ event, finding }) => `${event} ${finding.severity}`)

    const seen = await follow()
    for (const hours of [2, 4, 5, 8, 8.5]) await seen(hours)
    // The deadline was an hour; eight hours after it is more than seven deadlines past.
    expect(told(first)).toEqual(['opened medium', 'reminded medium', 'reminded medium', 'escalated high'])
    // Its first reminder came when it was three hours old.
    expect(told(second)).toEqual(['reminded medium', 'escalated high'])
    for (const hours of [11.5, 12]) await seen(hours)
    await seen(13, 'rejected')
    expect(told(first).slice(4)).toEqual(['reminded high', 'resolved high'])
    expect(told(second).slice(2)).toEqual(['reminded high', 'resolved high'])
    await seen(14)
    expect(told(first).at(-1)).toMatch(/^reopened/)
    expect(told(second)).toHaveLength(4)

    // The system goes to another team: whoever was told still hears the end, and nobody else's route brings it to strangers.
    const moved = await follow()
    await moved(2)
    const strict = sinks.routes().map((route) => ({ ...route, tiers: ['low' as const], minSeverity: 'critical' as const }))
    routes = () => strict
    await moved(6.5, 'rejected')
    expect(told(first).slice(-2)).toEqual(['opened medium', 'resolved medium'])
    expect(told(second)).toHaveLength(4)
    routes = () => strict.map((route) => ({ ...route, events: ['opened' as const] }))
    const deaf = await follow()
    await deaf(2)
    await deaf(6.5, 'rejected')
    expect(told(first).slice(-1)).toEqual(['resolved medium'])
    routes = () => sinks.routes()

    const quick = await follow()
    await quick(2)
    await quick(6.5, 'rejected')
    expect(told(first).slice(-2)).toEqual(['opened medium', 'resolved medium'])
    expect(told(second), 'whoever was not told needs no all-clear').toHaveLength(4)
  })
})
