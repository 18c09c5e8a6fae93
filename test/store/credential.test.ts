import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId, slotOf } from '../../src/domain/id.ts'
import { trialsFor } from '../../src/store/check-state.ts'
import { type CredentialFilter, findCredentials, listCredentials, retireCredentials } from '../../src/store/credential.ts'
import { insertIdentities } from '../../src/store/identity.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addCredential, addSystem, type Standing } from './rows.ts'

const NOW = Temporal.Instant.from('2026-11-22T12:00:00Z')
const PAST = '2026-11-20T10:00:00Z'
const FUTURE = '2026-12-24T10:00:00Z'

describe.each(STORES.filter((kind) => kind.available))('credentials on $name', (kind) => {
  let opened: TestStore
  let identityId: string
  let systems: { wiki: string; git: string }
  const add = (label: string, state: Standing, system = systems.wiki) =>
    addCredential(opened.store.db, { identityId, system, label, state })

  beforeAll(async () => {
    opened = await kind.open()
    identityId = newId()
    const person = {
      kind: 'human',
      name: 'Ada',
      email: null,
      owner_external_id: null,
      terminated_at: PAST,
      source: 'test',
    } as const
    await insertIdentities(opened.store.db, [{ id: identityId, external_id: 'ada', ...person }], NOW)
    systems = { wiki: await addSystem(opened.store.db, 'wiki'), git: await addSystem(opened.store.db, 'git') }
    await add('open', { terminated_at: PAST, due_at: FUTURE, accepted_at: PAST, verdict: 'accepted' })
    await add('dead', {
      terminated_at: PAST,
      due_at: FUTURE,
      first_rejected_at: '2026-11-20T10:30:00Z',
      dead_at: '2026-11-20T10:35:00Z',
    })
    await add('half', { terminated_at: PAST, due_at: FUTURE, first_rejected_at: PAST })
    await add('untried', { terminated_at: PAST, due_at: PAST }, systems.git)
    await add('resting', {})
    await add('retired', { accepted_at: PAST, retired: true })
  })
  afterAll(() => opened?.stop())

  const labels = async (filter: Omit<CredentialFilter, 'limit'>) =>
    (await listCredentials(opened.store.db, { ...filter, limit: 100 })).map((row) => row.label).toSorted()

  it('lists by standing, system, identity and retirement', async () => {
    expect(await labels({})).toEqual(['dead', 'half', 'open', 'resting', 'untried'])
    expect(await labels({ standing: 'open' })).toEqual(['open'])
    expect(await labels({ standing: 'dead' })).toEqual(['dead'])
    expect(await labels({ standing: 'unproven' })).toEqual(['half', 'untried'])
    expect(await labels({ system: 'git' })).toEqual(['untried'])
    expect(await labels({ identity: 'ada', system: 'wiki', standing: 'unproven' })).toEqual(['half'])
    expect(await labels({ identity: 'bo' })).toEqual([])
    expect(await labels({ retired: true })).toEqual(['retired'])
  })

  it('tells the latency of a revocation', async () => {
    const rows = await listCredentials(opened.store.db, { limit: 100 })
    expect(Object.fromEntries(rows.map((row) => [row.label, row.latency_ms]))).toEqual({
      open: null,
      dead: 1_800_000,
      half: 0,
      untried: null,
      resting: null,
    })
    expect(rows[0]).toMatchObject({ identity: 'Ada', external_id: 'ada', secret: 'reference' })
  })

  it('pages', async () => {
    const all: string[] = []
    for (let after: string | undefined; ; after = all.at(-1)) {
      const page = await listCredentials(opened.store.db, { limit: 2, ...(after === undefined ? {} : { after }) })
      if (page.length === 0) break
      all.push(...page.map((row) => row.id))
    }
    expect(new Set(all).size).toBe(5)
    expect(all).toEqual(all.toSorted())
  })

  it('finds credentials by what names them, and only those', async () => {
    const key = { systemId: systems.wiki, identityId, label: 'open' }
    const found = await findCredentials(opened.store.db, [key, { ...key, label: 'OPEN' }, { ...key, systemId: systems.git }])
    expect(found.map((row) => row.label)).toEqual(['open'])
  })

  it('needs a trial for each shard of what is due, at systems that may be tried', async () => {
    const { db } = opened.store
    await db.updateTable('system').set({ shards: 8 }).where('id', '=', systems.git).execute()
    const ids = await Promise.all(Array.from({ length: 20 }, (_, index) => add(`due-${index}`, { due_at: PAST }, systems.git)))
    const later = await add('later', { due_at: FUTURE }, systems.git)
    const shards = [...new Set(ids.map((id) => slotOf(id) % 8))].toSorted((a, b) => a - b)
    const expected = shards.map((shard) => ({ systemId: systems.git, zone: 'default', shard }))
    expect(await trialsFor(db, [...ids, later], NOW)).toEqual(expected)
    expect(await trialsFor(db, [later], NOW)).toEqual([])
    const held = async (set: {
      hold_until?: string | null
      schedule?: string | null
      schedule_due_at?: string | null
      retired_at?: string | null
    }) => {
      await db.updateTable('system').set(set).where('id', '=', systems.git).execute()
      return (await trialsFor(db, ids, NOW)).length
    }
    expect(await held({ hold_until: FUTURE })).toBe(0)
    expect(await held({ hold_until: PAST })).toBe(shards.length)
    expect(await held({ schedule: '0 2 * * *', schedule_due_at: FUTURE })).toBe(0)
    expect(await held({ schedule_due_at: PAST })).toBe(shards.length)
    expect(await held({ retired_at: PAST })).toBe(0)
    await held({ retired_at: null, schedule: null, hold_until: null })
  })

  it('retires once: the secret is gone, the fingerprint stays', async () => {
    const id = await add('leaving', { due_at: PAST, accepted_at: PAST })
    expect(await retireCredentials(opened.store.db, [id], NOW)).toBe(1)
    expect(await retireCredentials(opened.store.db, [id], NOW)).toBe(0)
    const [row] = await listCredentials(opened.store.db, { id, limit: 1 })
    expect(row).toMatchObject({ secret: 'none', due_at: null, fingerprint: `hmac-sha256:${id.slice(-16)}` })
    expect(row?.retired_at?.toString()).toBe(NOW.toString())
    expect(row?.accepted_at?.toString()).toBe(PAST)
  })
})
