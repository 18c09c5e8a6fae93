import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { FindingEdge } from '../../src/findings/apply.ts'
import { type PlanDeps, tick } from '../../src/scan/plan.ts'
import { pause, resume } from '../../src/store/pause.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addChecks, addSystem, clear, NOW } from '../store/checks.ts'
import { POLICY } from './house.ts'

describe.each(STORES.filter((kind) => kind.name !== 'Postgres 15'))('a tick on $name', (kind) => {
  let test: TestStore
  let sent: string[]
  let edges: FindingEdge[]
  let deps: PlanDeps
  const db = () => test.store.db
  beforeAll(async () => {
    test = await kind.open()
  })
  afterAll(() => test.stop())
  beforeEach(async () => {
    await clear(db())
    sent = []
    edges = []
    deps = {
      db: db(),
      jobs: {
        // As the queue does: what is queued already is refused.
        enqueueTrial: async (_db, zone, { systemId, shard }) => {
          const key = `${zone} ${systemId} ${shard}`
          if (sent.includes(key)) return false
          sent.push(key)
          return true
        },
      },
      zones: ['default'],
      policy: () => POLICY,
      raise: async (_tx, raised) => void edges.push(...raised),
      now: () => NOW,
    }
  })

  it('enqueues one trial for each shard of each system of its zones that has something due', async () => {
    const [a, b, idle, elsewhere] = [
      await addSystem(db(), 'a'),
      await addSystem(db(), 'b', { shards: 3 }),
      await addSystem(db(), 'idle'),
      await addSystem(db(), 'elsewhere', { zone: 'dmz' }),
    ]
    for (const id of [a, b, elsewhere]) await addChecks(db(), id, [{}])
    await addChecks(db(), idle, [{ dueAt: NOW.add({ hours: 1 }) }])
    expect(await tick(deps)).toBe(4)
    expect(sent.toSorted()).toEqual([`default ${a} 0`, `default ${b} 0`, `default ${b} 1`, `default ${b} 2`].toSorted())
    expect(await tick(deps), 'what is queued already').toBe(0)
    expect(await tick({ ...deps, zones: ['dmz'] })).toBe(1)
  })

  it('enqueues nothing that is paused', async () => {
    await addChecks(db(), await addSystem(db(), 'a'), [{}])
    await pause(db(), '*', 'me', '', NOW)
    expect(await tick(deps)).toBe(0)
    await resume(db(), '*')
    expect(await tick(deps)).toBe(1)
  })

  it('opens a finding for each credential that nobody could judge in time, once, however many', async () => {
    const system = await addSystem(db(), 'a')
    await addChecks(
      db(),
      system,
      Array.from({ length: 450 }, () => ({ verifyBy: NOW, dueAt: NOW.add({ hours: 1 }) })),
    )
    await addChecks(db(), system, [{ verifyBy: NOW.add({ milliseconds: 1 }) }])
    await Promise.all([tick(deps), tick(deps)])
    expect(edges.map((edge) => edge.event)).toEqual(Array.from({ length: 450 }, () => 'opened'))
    await tick(deps)
    expect(edges.length).toBe(450)
    const findings = await db().selectFrom('finding').select(['kind', 'state']).distinct().execute()
    expect(findings).toEqual([{ kind: 'unverified_past_deadline', state: 'open' }])
  })
})
