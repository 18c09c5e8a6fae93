import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openRaise } from '../../src/alerts/raise.ts'
import type { FindingEvent } from '../../src/domain/finding.ts'
import { newId } from '../../src/domain/id.ts'
import type { Route } from '../../src/domain/route.ts'
import { applySignals, type FindingEdge } from '../../src/findings/apply.ts'
import { orphanSignal, systemSignal, unverifiedSignal } from '../../src/findings/signals.ts'
import { type PlanDeps, remind, tick } from '../../src/scan/plan.ts'
import { retireCredentials } from '../../src/store/credential.ts'
import { listDeliveries } from '../../src/store/delivery.ts'
import { acknowledgeFinding, addExemption, findingEvents } from '../../src/store/finding.ts'
import { POLICY } from '../scan/house.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addCheck, addChecks, addSystem, clear, NOW } from '../store/checks.ts'

describe.each(STORES.filter((kind) => kind.name !== 'Postgres 15'))('reminders on $name', (kind) => {
  let test: TestStore
  let now: Temporal.Instant
  let edges: FindingEdge[]
  let deps: PlanDeps
  const db = () => test.store.db

  beforeAll(async () => {
    test = await kind.open()
  })
  afterAll(() => test.stop())
  beforeEach(async () => {
    await clear(db())
    now = NOW
    edges = []
    deps = {
      db: db(),
      jobs: { enqueueTrial: async () => true },
      zones: ['default'],
      policy: () => POLICY,
      raise: async (_tx, raised) => void edges.push(...raised),
      now: () => now,
    }
  })

  const later = { dueAt: NOW.add({ hours: 24 * 365 }) }
  const hoursLater = async (hours: number) => {
    now = NOW.add({ minutes: hours * 60 })
    edges = []
    await remind(deps)
    return edges.map(({ event, finding }) => `${event} ${finding.severity}`)
  }
  const apply = (...signals: Parameters<typeof applySignals>[1]) =>
    db()
      .transaction()
      .execute((tx) => applySignals(tx, signals, POLICY, deps.raise))

  it('come each day of what nobody can judge, and escalate it once with its age', async () => {
    const system = await addSystem(db(), 'down', { tier: 'critical' })
    // The deadline of a critical system is an hour: seven of them are over eight hours after the termination.
    await addCheck(db(), system, { ...later, verifyBy: NOW, terminatedAt: NOW.subtract({ hours: 5 }) })
    await tick(deps)
    expect(edges.map(({ event, finding }) => `${event} ${finding.severity}`)).toEqual(['opened medium'])
    expect(await hoursLater(23.9)).toEqual([])
    expect(await hoursLater(24)).toEqual(['escalated high'])
    expect(await hoursLater(24)).toEqual([])
    expect(await hoursLater(47.9)).toEqual([])
    expect(await hoursLater(49)).toEqual(['reminded high'])
    expect(await hoursLater(24 * 30)).toEqual(['reminded high'])
    const [row] = await db().selectFrom('finding').selectAll().execute()
    expect(row).toMatchObject({ state: 'open', sequence: 4, episode: 1, severity: 'high', last_seen_at: NOW })
    const told = await findingEvents(db(), row?.id ?? '')
    expect(told.map(({ event, observation_id }) => [event, observation_id])).toEqual(
      ['opened', 'escalated', 'reminded', 'reminded'].map((event) => [event, null]),
    )
  })

  it('come of access that was seen before its system went down, of systems and of owners too', async () => {
    const system = await addSystem(db(), 'a')
    const { id, identityId } = await addCheck(db(), system, later)
    const seen = unverifiedSignal(
      {
        at: now,
        systemId: system,
        identityId,
        credentialId: id,
        tier: 'standard',
        system: 'payroll',
        identityKind: 'human',
        privilege: 'standard',
        credentialKind: 'password',
        terminatedAt: NOW,
      },
      POLICY,
    )
    await apply(
      {
        ...seen,
        key: `access:${id}`,
        signal: { holds: true, kind: 'residual_access', severity: 'info', at: now, exempt: false },
      },
      systemSignal('blind', { at: now, systemId: system, system: 's', tier: 'standard', holds: true }, POLICY),
      orphanSignal({ at: now, identityId, identityKind: 'service', holds: true }, POLICY),
    )
    expect((await hoursLater(24)).toSorted()).toEqual(['escalated medium', 'reminded medium', 'reminded medium'])
    expect(await hoursLater(24.5)).toEqual([])
  })

  it('do not come of what is acknowledged, exempt, off the list, resting or over', async () => {
    const system = await addSystem(db(), 'a')
    const gone = await addSystem(db(), 'gone')
    const checks = await addChecks(
      db(),
      system,
      Array.from({ length: 6 }, () => ({ ...later, verifyBy: NOW })),
    )
    await addCheck(db(), gone, { ...later, verifyBy: NOW })
    await tick(deps)
    expect(edges).toHaveLength(7)
    const findingOf = (n: number) => edges.find(({ finding }) => finding.credential_id === checks[n]?.id)?.finding
    const [acknowledged, retired, resting, over, exempt] = [0, 1, 2, 3, 4].map(findingOf)
    await acknowledgeFinding(db(), acknowledged?.id ?? '', 'anna', NOW)
    await retireCredentials(db(), [retired?.credential_id ?? ''], NOW)
    await db()
      .updateTable('check_state')
      .set({ due_at: null, terminated_at: null })
      .where('credential_id', '=', resting?.credential_id ?? '')
      .execute()
    await apply({ key: over?.key ?? '', signal: { holds: false, at: NOW, needed: 1 } })
    await db().updateTable('system').set({ retired_at: NOW.toString() }).where('id', '=', gone).execute()
    // It begins after the finding was opened: nothing has marked that yet.
    const terms = { owner: 'dba', reason: 'cut-over', created_at: NOW.toString(), created_by: 'anna' }
    const span = { starts_at: NOW.add({ hours: 1 }).toString(), ends_at: NOW.add({ hours: 30 }).toString() }
    await addExemption(db(), {
      ...{ id: newId(), finding_kind: null, identity_id: null, system_id: null, credential_id: exempt?.credential_id ?? null },
      ...{ ...terms, ...span },
    })
    await hoursLater(24)
    expect(edges.map(({ finding }) => finding.credential_id)).toEqual([checks[5]?.id])
    expect(await hoursLater(31), 'the exemption has ended').toHaveLength(1)
    expect(edges[0]?.finding.id).toBe(exempt?.id)
  })

  it('come once of each however many, and however many replicas look at once', async () => {
    const system = await addSystem(db(), 'a')
    await addChecks(
      db(),
      system,
      Array.from({ length: 450 }, () => ({ ...later, verifyBy: NOW })),
    )
    await tick(deps)
    now = NOW.add({ hours: 24 })
    edges = []
    const other = (await test.again?.())?.db ?? db()
    const replicas = [deps, { ...deps, db: other }, deps, { ...deps, db: other }]
    await Promise.all(replicas.map(remind))
    // One that was left with nothing by the others has nothing left to do.
    await remind(deps)
    expect(edges).toHaveLength(450)
    expect(new Set(edges.map(({ finding }) => finding.id)).size).toBe(450)
    expect(new Set(edges.map(({ sequence }) => sequence))).toEqual(new Set([2]))
  })

  it('reach a receiver that hears of old findings only', async () => {
    const route = (name: string, afterMs?: number): Route => {
      return { name, minSeverity: 'low', ...(afterMs === undefined ? {} : { afterMs }) }
    }
    const second = {
      ...deps,
      raise: openRaise({
        routes: () => [route('first'), route('second', 36 * 3_600_000)],
        policy: () => POLICY,
        runbook: () => undefined,
        enqueue: async () => {},
        now: () => now,
      }),
    }
    await addCheck(db(), await addSystem(db(), 'down'), { ...later, verifyBy: NOW })
    await tick(second)
    for (const hours of [24, 48]) {
      now = NOW.add({ hours })
      await remind(second)
    }
    const told = (await listDeliveries(db(), { limit: 10 })).map(({ sink, event }): [string, FindingEvent] => [sink, event])
    expect(told.toSorted()).toEqual([
      ['first', 'opened'],
      ['first', 'reminded'],
      ['first', 'reminded'],
      ['second', 'reminded'],
    ])
  })
})
