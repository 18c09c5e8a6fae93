import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { applySignals, type FindingEdge, type Raise } from '../../src/findings/apply.ts'
import { findingKey, type KeyedSignal } from '../../src/findings/signals.ts'
import { acknowledgeFinding, addExemption, countActiveFindings, findingEvents } from '../../src/store/finding.ts'
import { transact } from '../../src/store/transact.ts'
import { POLICY } from '../scan/house.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addSystem, clear, NOW } from '../store/checks.ts'

describe.each(STORES)('findings on $name', (kind) => {
  let test: TestStore
  let systemId: string
  let edges: FindingEdge[]
  const db = () => test.store.db
  const raise: Raise = async (_tx, raised) => void edges.push(...raised)

  beforeAll(async () => {
    if (kind.available) test = await kind.open()
  })
  afterAll(async () => {
    if (kind.available) await test.stop()
  })
  beforeEach(async () => {
    if (!kind.available) return
    await clear(db())
    edges = []
    systemId = await addSystem(db(), 'a')
  })

  const signal = (id: string, holds: boolean, minutes = 0, fields: Partial<KeyedSignal> = {}): KeyedSignal => {
    const at = NOW.add({ minutes })
    return {
      key: findingKey('access', id),
      systemId,
      credentialId: id,
      signal: holds
        ? { holds: true, kind: 'residual_access', severity: 'medium', at, exempt: false }
        : { holds: false, at, needed: 2 },
      ...fields,
    }
  }
  const apply = (...signals: KeyedSignal[]) => transact(db(), (tx) => applySignals(tx, signals, POLICY, raise))
  const all = () => db().selectFrom('finding').selectAll().orderBy('key').execute()

  it.skipIf(!kind.available)('take the signals of one key in their order, in one transaction', async () => {
    const id = newId()
    await apply(signal(id, true), signal(id, false, 1), signal(id, false, 2), signal(id, true, 3))
    expect(edges.map(({ event, sequence }) => [event, sequence])).toEqual([
      ['opened', 1],
      ['resolved', 2],
      ['reopened', 3],
    ])
    const [row] = await all()
    expect(row).toMatchObject({ state: 'open', episode: 2, sequence: 3, credential_id: id, resolved_at: null })
    expect((await findingEvents(db(), row?.id ?? '')).map((each) => each.event)).toEqual(['opened', 'resolved', 'reopened'])
    expect(await countActiveFindings(db())).toEqual([{ kind: 'residual_access', severity: 'medium', count: 1 }])
  })

  it.skipIf(!kind.available)(
    'stay silent under the exemption of access that came back, though later acceptances are ordinary',
    async () => {
      const id = newId()
      const back = (minutes: number, kindOfAccess: 'resurrected_access' | 'residual_access') =>
        signal(id, true, minutes, {
          signal: { holds: true, kind: kindOfAccess, severity: 'high', at: NOW.add({ minutes }), exempt: false },
        })
      await apply(signal(id, true), signal(id, false, 1), signal(id, false, 2), back(3, 'resurrected_access'))
      await addExemption(db(), {
        id: newId(),
        finding_kind: 'resurrected_access',
        credential_id: id,
        identity_id: null,
        system_id: null,
        owner: 'dba@example.com',
        reason: 'to be moved',
        starts_at: NOW.toString(),
        ends_at: NOW.add({ hours: 1 }).toString(),
        created_at: NOW.toString(),
        created_by: 'anna',
      })
      edges = []
      await apply(back(4, 'residual_access'))
      await apply(back(5, 'residual_access'))
      expect(edges).toEqual([])
      expect(await all()).toMatchObject([{ kind: 'resurrected_access', state: 'acknowledged', exempted: true }])
      await apply(back(90, 'residual_access'))
      expect(edges).toMatchObject([{ event: 'reopened', finding: { kind: 'resurrected_access' } }])
    },
  )

  it.skipIf(!kind.available)('tell an end that was proven from one that was said', async () => {
    const [id, observationId] = [newId(), newId()]
    await apply(signal(id, true, 0, { observationId }), signal(id, false, 1, { observationId: newId() }))
    edges = []
    await apply(signal(id, false, 2, { signal: { holds: false, at: NOW.add({ minutes: 2 }), needed: 1 } }))
    expect(edges.map(({ event, observationId: own }) => [event, own])).toEqual([['resolved', undefined]])
    const proof = newId()
    await apply(signal(id, true, 3), signal(id, false, 4), signal(id, false, 5, { observationId: proof }))
    expect(edges.at(-1)).toMatchObject({ event: 'resolved', observationId: proof })
  })

  it.skipIf(!kind.available)('and their alerts stand or fall together', async () => {
    const id = newId()
    const failing: Raise = async () => {
      throw new Error('no alert can be written')
    }
    await expect(transact(db(), (tx) => applySignals(tx, [signal(id, true)], POLICY, failing))).rejects.toThrow('no alert')
    expect(await all()).toEqual([])
    expect(await db().selectFrom('finding_event').selectAll().execute()).toEqual([])
  })

  it.skipIf(!kind.available)('exist once where many replicas open one at the same time, and open once', async () => {
    const connections = [db()]
    for (let n = 0; n < 2; n++) connections.push((await test.again?.())?.db ?? db())
    const ids = Array.from({ length: 5 }, newId)
    await Promise.all(
      Array.from({ length: 12 }, (_each, n) => {
        const mine: FindingEdge[] = []
        return transact(connections[n % connections.length] ?? db(), async (tx) => {
          mine.length = 0
          await applySignals(
            tx,
            (n % 2 === 0 ? ids : ids.toReversed()).map((id) => signal(id, true)),
            POLICY,
            async (_tx, raised) => void mine.push(...raised),
          )
        }).then(() => edges.push(...mine))
      }),
    )
    expect((await all()).map((row) => row.credential_id).toSorted()).toEqual(ids.toSorted())
    expect(edges.map((edge) => edge.event)).toEqual(ids.map(() => 'opened'))
    expect(await db().selectFrom('finding_event').selectAll().execute()).toHaveLength(ids.length)
  })

  it.skipIf(!kind.available)('that an exemption covers are silent until it ends', async () => {
    const id = newId()
    await addExemption(db(), {
      id: newId(),
      finding_kind: 'residual_access',
      credential_id: id,
      identity_id: null,
      system_id: null,
      owner: 'dba',
      reason: 'cut-over',
      starts_at: NOW.toString(),
      ends_at: NOW.add({ hours: 1 }).toString(),
      created_at: NOW.toString(),
      created_by: 'me',
    })
    const other = newId()
    await apply(signal(id, true), signal(other, true))
    expect(edges.map(({ event }) => event)).toEqual(['opened'])
    expect((await all()).filter((row) => row.exempted).map((row) => row.credential_id)).toEqual([id])
    await apply(signal(id, true, 60))
    expect(edges.map(({ event }) => event)).toEqual(['opened', 'opened'])
  })

  it.skipIf(!kind.available)('that are acknowledged remind nobody, and keep who did it', async () => {
    const id = newId()
    await apply(signal(id, true))
    const [row] = await all()
    expect(await acknowledgeFinding(db(), row?.id ?? '', 'anna', NOW)).toBe(true)
    expect(await acknowledgeFinding(db(), row?.id ?? '', 'bob', NOW)).toBe(false)
    await apply(signal(id, true, 60 * 48))
    expect(edges.map(({ event }) => event)).toEqual(['opened'])
    expect((await all())[0]).toMatchObject({ state: 'acknowledged', acknowledged_by: 'anna' })
  })

  it.skipIf(!kind.available)('are not made by a proof that there is nothing', async () => {
    await apply(signal(newId(), false), signal(newId(), false))
    expect(await all()).toEqual([])
    expect(await apply()).toEqual([])
  })
})
