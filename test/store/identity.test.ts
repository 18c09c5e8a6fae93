import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { type IdentityWrite, insertIdentities, listIdentities, listOrphans, ownershipsOf } from '../../src/store/identity.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addCredential, addSystem } from './rows.ts'

const NOW = Temporal.Instant.from('2026-11-22T12:00:00Z')
const PAST = '2026-11-20T10:00:00Z'
const FUTURE = '2026-12-24T10:00:00Z'

describe.each(STORES.filter((kind) => kind.available))('identities on $name', (kind) => {
  let opened: TestStore
  const ids: Record<string, string> = {}

  beforeAll(async () => {
    opened = await kind.open()
    const { db } = opened.store
    const rows: IdentityWrite[] = [
      identity('ada', 'human', PAST),
      identity('bo', 'human', FUTURE),
      identity('cy', 'human', null),
      identity('export', 'service', null, 'ada'),
      identity('importer', 'service', null, 'bo'),
      identity('bot', 'agent', PAST, 'ada'),
      identity('crawler', 'agent', null, 'ada'),
      identity('stray', 'service', null, 'nobody'),
      identity('bare', 'service', null),
    ]
    for (const row of rows) ids[row.external_id] = row.id
    await insertIdentities(db, rows, NOW)
    const system = await addSystem(db, 'wiki')
    const add = (label: string, state: object) => addCredential(db, { identityId: ids.ada ?? '', system, label, state })
    await add('open', { due_at: FUTURE, accepted_at: PAST })
    await add('open-now-unknown', { due_at: FUTURE, accepted_at: PAST, verdict: 'inconclusive' })
    await add('closing', { due_at: FUTURE, accepted_at: PAST, first_rejected_at: PAST })
    await add('dead', { due_at: FUTURE, first_rejected_at: PAST, dead_at: PAST })
    await add('untried', { due_at: PAST })
    await add('retired', { accepted_at: PAST, retired: true })
    await addCredential(db, { identityId: ids.bo ?? '', system, label: 'a', state: { due_at: FUTURE } })
  })
  afterAll(() => opened?.stop())

  const names = (rows: readonly { external_id: string }[]) => rows.map((row) => row.external_id)

  it('lists who left, with how their credentials stand', async () => {
    const left = await listIdentities(opened.store.db, { terminated: true, limit: 10 }, NOW)
    expect(names(left)).toEqual(['ada', 'bot'])
    expect(left[0]).toMatchObject({ credentials: 5, open: 2, dead: 1, unproven: 2, kind: 'human' })
    expect(left[0]?.terminated_at?.toString()).toBe(PAST)
    expect(left[1]).toMatchObject({ credentials: 0, open: 0, dead: 0, unproven: 0 })
  })

  it('counts no door of somebody who has yet to leave', async () => {
    const [bo] = await listIdentities(opened.store.db, { externalId: 'bo', limit: 10 }, NOW)
    expect(bo).toMatchObject({ credentials: 1, open: 0, dead: 0, unproven: 0 })
    const [later] = await listIdentities(opened.store.db, { externalId: 'bo', limit: 10 }, Temporal.Instant.from(FUTURE))
    expect(later).toMatchObject({ unproven: 1 })
  })

  it('filters and pages', async () => {
    const { db } = opened.store
    expect(names(await listIdentities(db, { openOnly: true, limit: 10 }, NOW))).toEqual(['ada'])
    expect(names(await listIdentities(db, { terminated: false, kind: 'human', limit: 10 }, NOW))).toEqual(['bo', 'cy'])
    const all: string[] = []
    for (let after: string | undefined; ; after = all.at(-1)) {
      const page = await listIdentities(db, { limit: 4, ...(after === undefined ? {} : { after }) }, NOW)
      if (page.length === 0) break
      all.push(...names(page))
    }
    expect(all).toEqual(['ada', 'bare', 'bo', 'bot', 'crawler', 'cy', 'export', 'importer', 'stray'])
  })

  it('finds orphans: alive, and their owner gone by now', async () => {
    const { db } = opened.store
    const orphans = async (at: string) =>
      (await listOrphans(db, Temporal.Instant.from(at), { limit: 10 })).map((row) => row.externalId).toSorted()
    expect(await orphans('2026-11-22T12:00:00Z')).toEqual(['crawler', 'export'])
    expect(await orphans(FUTURE)).toEqual(['crawler', 'export', 'importer'])
    expect(await orphans('2026-11-20T09:59:59Z')).toEqual([])
    const first = await listOrphans(db, NOW, { limit: 1 })
    const second = await listOrphans(db, NOW, { limit: 10, after: first[0]?.identityId ?? '' })
    expect([...first, ...second].map((row) => row.externalId).toSorted()).toEqual(['crawler', 'export'])
  })

  it('answers the ownerships of services and agents only', async () => {
    const { db } = opened.store
    const of = async (identities: string[], ownerExternalIds: string[]) => {
      const identityIds = identities.map((name) => ids[name] ?? '')
      return (await ownershipsOf(db, { identityIds, ownerExternalIds }, NOW))
        .map((row) => [row.externalId, row.orphaned])
        .toSorted()
    }
    expect(await of(['ada', 'stray', 'bare'], [])).toEqual([
      ['bare', false],
      ['stray', false],
    ])
    expect(await of(['export'], ['ada', 'bo'])).toEqual([
      ['bot', false],
      ['crawler', true],
      ['export', true],
      ['importer', false],
    ])
    expect(await of([], [])).toEqual([])
  })
})

function identity(
  externalId: string,
  kind: IdentityWrite['kind'],
  terminatedAt: string | null,
  owner: string | null = null,
): IdentityWrite {
  return {
    id: newId(),
    external_id: externalId,
    kind,
    name: externalId,
    email: null,
    owner_external_id: owner,
    terminated_at: terminatedAt,
    source: 'test',
  }
}
