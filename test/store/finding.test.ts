import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { FindingState, Severity } from '../../src/domain/finding.ts'
import { newId } from '../../src/domain/id.ts'
import {
  credentialsWithFindings,
  findFindingsByEnd,
  listFindings,
  lockFindings,
  type NewFinding,
  saveFindings,
} from '../../src/store/finding.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addCheck, addSystem, clear, NOW } from './checks.ts'

describe.each(STORES)('the findings table on $name', (kind) => {
  let test: TestStore
  const db = () => test.store.db
  beforeAll(async () => {
    if (kind.available) test = await kind.open()
  })
  afterAll(async () => {
    if (kind.available) await test.stop()
  })
  beforeEach(async () => {
    if (kind.available) await clear(db())
  })
  const finding = (fields: Partial<NewFinding> = {}): NewFinding => ({
    id: newId(),
    key: newId(),
    kind: 'residual_access',
    severity: 'medium',
    state: 'open',
    system_id: null,
    identity_id: null,
    credential_id: null,
    episode: 1,
    sequence: 1,
    rejections: 0,
    opened_at: NOW.toString(),
    last_seen_at: NOW.toString(),
    alerted_at: null,
    resolved_at: null,
    observation_id: null,
    trial_id: null,
    trace_id: null,
    exempted: false,
    feed_id: null,
    grant_id: null,
    ...fields,
  })

  const add = (one: NewFinding) => saveFindings(db(), { added: [one], changed: [], events: [] })

  it.skipIf(!kind.available)('holds one finding of a key, and tells whoever comes second', async () => {
    const one = finding()
    await add(one)
    await expect(add(finding({ key: one.key }))).rejects.toMatchObject({ code: '23505' })
    await saveFindings(db(), { added: [], changed: [{ ...one, severity: 'high', rejections: 1 }], events: [] })
    expect((await lockFindings(db(), [one.key, 'unknown'])).get(one.key)).toMatchObject({
      id: one.id,
      severity: 'high',
      rejections: 1,
    })
    expect(await lockFindings(db(), [])).toEqual(new Map())
  })

  it.skipIf(!kind.available)('lists by severity and age, filtered by what a person asks for', async () => {
    const system = await addSystem(db(), 'payroll')
    const { id, identityId } = await addCheck(db(), system)
    const of = async (severity: Severity, state: FindingState, hours: number, fields: Partial<NewFinding> = {}) =>
      add(finding({ key: `${severity} ${state} ${hours}`, severity, state, opened_at: NOW.add({ hours }).toString(), ...fields }))
    await of('low', 'open', 0)
    await of('critical', 'acknowledged', 2, { system_id: system, identity_id: identityId, credential_id: id })
    await of('critical', 'open', 1, { kind: 'open_system', system_id: system })
    await of('high', 'resolved', 0)
    const list = async (filter: Omit<Parameters<typeof listFindings>[1], 'limit'>) =>
      (await listFindings(db(), { ...filter, limit: 10 })).map((row) => `${row.severity} ${row.state}`)
    expect(await list({})).toEqual(['critical open', 'critical acknowledged', 'high resolved', 'low open'])
    expect(await list({ state: 'unresolved' })).toEqual(['critical open', 'critical acknowledged', 'low open'])
    expect(await list({ state: 'resolved' })).toEqual(['high resolved'])
    expect(await list({ kind: 'open_system' })).toEqual(['critical open'])
    expect(await list({ minSeverity: ['critical', 'high'] })).toEqual(['critical open', 'critical acknowledged', 'high resolved'])
    expect(await list({ system: 'payroll' })).toEqual(['critical open', 'critical acknowledged'])
    expect(await list({ identity: identityId })).toEqual(['critical acknowledged'])
    expect(await listFindings(db(), { limit: 1 })).toHaveLength(1)
    expect(await credentialsWithFindings(db(), [id, newId()])).toEqual(new Set([id]))
  })

  it.skipIf(!kind.available)('finds by the end of an id, which is its random part', async () => {
    const [a, b] = ['0193a6b2-0000-7000-8000-00000000aa11', '0193a6b2-0000-7000-8000-00000000bb11']
    await add(finding({ id: a }))
    await add(finding({ id: b }))
    expect((await findFindingsByEnd(db(), 'aa11')).map((row) => row.id)).toEqual([a])
    expect(await findFindingsByEnd(db(), '11')).toHaveLength(2)
    expect(await findFindingsByEnd(db(), b)).toHaveLength(1)
    expect(await findFindingsByEnd(db(), '%')).toEqual([])
  })

  it.skipIf(!kind.available)('locks what it reads until the transaction ends', async () => {
    const one = finding()
    await add(one)
    const order: string[] = []
    const other = (await test.again?.())?.db ?? db()
    const holds = Promise.withResolvers<void>()
    const first = db()
      .transaction()
      .execute(async (tx) => {
        await lockFindings(tx, [one.key])
        holds.resolve()
        await new Promise((resolve) => setTimeout(resolve, 200))
        order.push('first')
      })
    await holds.promise
    await other.transaction().execute(async (tx) => {
      await lockFindings(tx, [one.key])
      order.push('second')
    })
    await first
    expect(order).toEqual(['first', 'second'])
  })
})
