import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import {
  closeWindow,
  findSystemByName,
  holdSystem,
  listSystems,
  pinPeer,
  rebindSystem,
  saveControls,
  syncSystems,
} from '../../src/store/system.ts'
import { systemPage } from '../../src/store/system-page.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { clear, entry, NOW } from './checks.ts'

describe.each(STORES)('systems on $name', (kind) => {
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
  const named = async (name: string) => {
    const row = await findSystemByName(db(), name)
    if (row === undefined) throw new Error(`no system ${name}`)
    return row
  }
  const BY = { actor: 'test', at: NOW }
  const pin = (id: string, peer: string, origin = 'https://a.example') => pinPeer(db(), id, { origin, peer }, BY)
  const controls = {
    trialId: newId(),
    assurance: 'explicit' as const,
    at: NOW.toString(),
    validUntil: NOW.toString(),
    controls: [],
    subject: 'target and canary',
    since: NOW.toString(),
  }

  it.skipIf(!kind.available)('are untried until their controls have said something, again after a move', async () => {
    await syncSystems(db(), [entry('asked'), entry('new')], NOW)
    await saveControls(db(), (await named('asked')).id, controls)
    const stateOf = async () =>
      (await systemPage(db(), {}, { sort: 'name', after: undefined, limit: 10 }, NOW)).map(({ name, state }) => [name, state])
    expect(await stateOf()).toEqual([
      ['asked', 'active'],
      ['new', 'untried'],
    ])
    const untried = await systemPage(db(), { state: ['untried'] }, { sort: 'name', after: undefined, limit: 10 }, NOW)
    expect(untried.map(({ name }) => name)).toEqual(['new'])
    const { id } = await named('asked')
    await syncSystems(db(), [entry('asked', { origin: 'https://moved.example' }), entry('new')], NOW)
    await db()
      .transaction()
      .execute((tx) => rebindSystem(tx, id, 'https://moved.example', BY))
    expect(await stateOf()).toContainEqual(['asked', 'untried'])
  })

  it.skipIf(!kind.available)(
    'keep their id, what they are bound to and its peer, when their address changes; controls are void',
    async () => {
      const first = (await syncSystems(db(), [entry('a'), entry('b')], NOW)).get('a')
      await saveControls(db(), first?.id ?? '', controls)
      expect(await pin(first?.id ?? '', 'SHA256:one')).toBe('SHA256:one')
      await syncSystems(db(), [entry('a', { tier: 'critical' }), entry('b')], NOW)
      expect(await named('a')).toMatchObject({ id: first?.id, tier: 'critical', controls, pinned_peer: 'SHA256:one' })
      await syncSystems(db(), [entry('a', { origin: 'https://moved.example' }), entry('b')], NOW)
      expect(await named('a')).toMatchObject({
        id: first?.id,
        origin: 'https://moved.example',
        bound_origin: 'https://a.example',
        controls: null,
        pinned_peer: 'SHA256:one',
      })
      expect(await pin(first?.id ?? '', 'SHA256:two', 'https://moved.example'), 'it is not bound there').toBe('SHA256:one')
      await syncSystems(db(), [entry('a'), entry('b')], NOW)
      expect((await named('a')).pinned_peer, 'there and back').toBe('SHA256:one')
      await db()
        .transaction()
        .execute((tx) => rebindSystem(tx, first?.id ?? '', 'https://moved.example', BY))
      expect(await named('a')).toMatchObject({ bound_origin: 'https://moved.example', pinned_peer: null })
      expect(await pin(first?.id ?? '', 'SHA256:late'), 'seen at the old address').toBe('SHA256:late')
      expect((await named('a')).pinned_peer).toBeNull()
      const told = await db().selectFrom('audit').select(['actor', 'action', 'subject', 'detail']).orderBy('id').execute()
      const peer = { origin: 'https://a.example', peer: 'SHA256:one' }
      expect(told).toEqual([
        { actor: 'test', action: 'system.pin', subject: 'a', detail: peer },
        { actor: 'test', action: 'system.unpin', subject: 'a', detail: peer },
      ])
    },
  )

  it.skipIf(!kind.available)('that another probe asks need new controls', async () => {
    const first = (await syncSystems(db(), [entry('a')], NOW)).get('a')
    await saveControls(db(), first?.id ?? '', controls)
    await syncSystems(db(), [entry('a', { probe: 'ldap' })], NOW)
    expect((await named('a')).controls).toBeNull()
  })

  it.skipIf(!kind.available)('that the configuration no longer names are retired, and come back as they were', async () => {
    const first = (await syncSystems(db(), [entry('a'), entry('b')], NOW)).get('a')
    expect([...(await syncSystems(db(), [entry('b')], NOW)).keys()]).toEqual(['b'])
    expect((await named('a')).retired_at?.toString()).toBe(NOW.toString())
    expect((await listSystems(db())).map((row) => row.name)).toEqual(['b', 'a'])
    expect([...(await syncSystems(db(), [], NOW)).keys()]).toEqual([])
    expect(await syncSystems(db(), [entry('a')], NOW)).toHaveProperty('size', 1)
    expect(await named('a')).toMatchObject({ id: first?.id, retired_at: null })
  })

  it.skipIf(!kind.available)('keep a window that is open over a restart, and get a new one with a new schedule', async () => {
    const open = NOW.subtract({ minutes: 5 })
    const later = NOW.add({ hours: 1 })
    await syncSystems(db(), [entry('a', { schedule: '0 * * * * UTC', scheduleDueAt: open })], NOW)
    await syncSystems(db(), [entry('a', { schedule: '0 * * * * UTC', scheduleDueAt: later })], NOW)
    expect((await named('a')).schedule_due_at?.toString()).toBe(open.toString())
    await closeWindow(db(), (await named('a')).id, later)
    expect((await named('a')).schedule_due_at?.toString()).toBe(later.toString())
    await syncSystems(db(), [entry('a', { schedule: '5 * * * * UTC', scheduleDueAt: NOW })], NOW)
    expect((await named('a')).schedule_due_at?.toString()).toBe(NOW.toString())
    await syncSystems(db(), [entry('a')], NOW)
    expect(await named('a')).toMatchObject({ schedule: null, schedule_due_at: null })
  })

  it.skipIf(!kind.available)('pin the first peer for good', async () => {
    await syncSystems(db(), [entry('a')], NOW)
    const { id } = await named('a')
    const pinned = await Promise.all(['SHA256:one', 'SHA256:two', 'SHA256:three'].map((peer) => pin(id, peer)))
    expect(new Set(pinned).size).toBe(1)
    expect((await named('a')).pinned_peer).toBe(pinned[0])
  })

  it.skipIf(!kind.available)('are held until an instant, for a reason', async () => {
    await syncSystems(db(), [entry('a')], NOW)
    const { id } = await named('a')
    await holdSystem(db(), id, NOW, 'timeout', 3)
    expect(await named('a')).toMatchObject({ hold_reason: 'timeout', breaker_failures: 3 })
    await syncSystems(db(), [entry('a')], NOW)
    expect((await named('a')).hold_until?.toString(), 'over a restart').toBe(NOW.toString())
    await holdSystem(db(), id, undefined, undefined, 0)
    expect(await named('a')).toMatchObject({ hold_until: null, hold_reason: null, breaker_failures: 0 })
  })
})
