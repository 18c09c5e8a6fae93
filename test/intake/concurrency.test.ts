import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { terminateIdentity } from '../../src/intake/terminate.ts'
import { findIdentities } from '../../src/store/identity.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { type House, openHouse } from './house.ts'

const HEAD = 'identity,system,label,secret.username,secret.password'

describe.each(STORES.slice(0, 2))('writers at the same time on $name', (kind) => {
  let opened: TestStore
  let house: House

  beforeAll(async () => {
    opened = await kind.open()
    house = await openHouse(opened.store)
  })
  afterAll(async () => {
    await house?.close()
    await opened?.stop()
  })

  it('never leave a credential of a leaver without a check', async () => {
    const ids = Array.from({ length: 20 }, (_, index) => `race-${index}`)
    await house.identities(['external_id', ...ids])
    const system = house.system('database')
    await Promise.all(
      ids.flatMap((id) => [
        house.credentials([HEAD, `${id},${system},a,u,p`, `${id},${system},b,u,p`]),
        terminateIdentity(id, house.now(), house.deps),
      ]),
    )
    const { rows } = await sql<{ due: boolean }>`
      select c.due_at is not null as due from check_state c join credential k on k.id = c.credential_id
      join identity i on i.id = k.identity_id where i.external_id like 'race-%'`.execute(opened.store.db)
    expect(rows).toEqual(Array.from({ length: 40 }, () => ({ due: true })))
  })

  it('import the same new rows, in opposite orders, without a fault or a double', async () => {
    const ids = Array.from({ length: 400 }, (_, index) => `twin-${index}`)
    const system = house.system('database')
    await Promise.all([house.identities(['external_id', ...ids]), house.identities(['external_id', ...ids.toReversed()])])
    const rows = ids.map((id) => `${id},${system},a,u,p`)
    await Promise.all([house.credentials([HEAD, ...rows]), house.credentials([HEAD, ...rows.toReversed()])])
    await Promise.all([
      house.identities(['external_id,status,terminated_at', ...ids.map((id) => `${id},terminated,2026-11-20T10:00:00Z`)]),
      house.credentials([HEAD, ...rows.toReversed().map((row) => `${row}2`)]),
    ])
    const { rows: found } = await sql<{ n: number; due: number }>`
      select count(*)::int as n, count(c.due_at)::int as due from credential k join identity i on i.id = k.identity_id
      join check_state c on c.credential_id = k.id where i.external_id like 'twin-%'`.execute(opened.store.db)
    expect(found).toEqual([{ n: 400, due: 400 }])
  })
})

describe('a sequence of files', () => {
  let opened: TestStore
  let house: House
  let run = 0

  beforeAll(async () => {
    const [embedded] = STORES
    if (embedded === undefined) throw new Error('no store')
    opened = await embedded.open()
    house = await openHouse(opened.store)
  })
  afterAll(async () => {
    await house?.close()
    await opened?.stop()
  })

  it('ends as its last word on each identity says, and each file twice is each file once', async () => {
    const standing = fc.constantFrom(
      'active,',
      'terminated,2026-11-01T00:00:00Z',
      'terminated,2026-11-10T00:00:00Z',
      'active,2027-01-01T00:00:00Z',
      ',',
    )
    const file = fc.uniqueArray(fc.record({ id: fc.integer({ min: 0, max: 3 }), standing }), {
      selector: (row) => row.id,
      maxLength: 4,
    })
    await fc.assert(
      fc.asyncProperty(fc.array(file, { maxLength: 4 }), async (files) => {
        const prefix = `p${++run}-`
        const expected = new Map<string, string | null>()
        for (const rows of files) {
          const lines = ['external_id,status,terminated_at', ...rows.map((row) => `${prefix}${row.id},${row.standing}`)]
          for (const row of rows) {
            const [status, at] = row.standing.split(',')
            const known = expected.get(`${prefix}${row.id}`) ?? null
            expected.set(`${prefix}${row.id}`, at !== undefined && at !== '' ? at : status === 'active' ? null : known)
          }
          expect(await house.identities(lines)).toMatchObject({ badTotal: 0, read: rows.length })
          await house.credentials([HEAD, ...rows.map((row) => `${prefix}${row.id},${house.system('database')},a,u,p`)])
          expect(await house.identities(lines)).toMatchObject({ unchanged: rows.length, updated: 0, dueNow: 0 })
        }
        const found = await findIdentities(opened.store.db, [...expected.keys()])
        expect(new Map([...found].map(([id, row]) => [id, row.terminated_at?.toString() ?? null]))).toEqual(expected)
        const { rows } = await sql<{ id: string; at: Temporal.Instant | null; due: Temporal.Instant | null }>`
          select i.external_id as id, c.terminated_at as at, c.due_at as due from check_state c
          join credential k on k.id = c.credential_id join identity i on i.id = k.identity_id
          where i.external_id like ${`${prefix}%`}`.execute(opened.store.db)
        for (const { id, at, due } of rows) {
          const terminated = expected.get(id) ?? null
          expect(at?.toString() ?? null).toBe(terminated)
          const later = terminated !== null && terminated > house.now().toString() ? terminated : house.now().toString()
          expect(due?.toString() ?? null).toBe(terminated === null ? null : later)
        }
      }),
      { numRuns: 40 },
    )
  })
})
