import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import type { Db } from '../../src/store/db.ts'
import { dropPartitionsBefore, ensurePartitions } from '../../src/store/partition.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { clear } from './checks.ts'

const instant = (text: string) => Temporal.Instant.from(text)

async function partitions(db: Db): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'observation'::regclass order by 1
  `.execute(db)
  return rows.map((row) => row.name.replace('observation_', ''))
}

async function dropAll(db: Db): Promise<void> {
  for (const name of await partitions(db)) await sql`drop table ${sql.table(`observation_${name}`)}`.execute(db)
}

async function observe(db: Db, at: string): Promise<string> {
  const id = newId()
  await db
    .insertInto('observation')
    .values({
      id,
      observed_at: at,
      trial_id: newId(),
      credential_id: newId(),
      identity_id: newId(),
      system_id: newId(),
      verdict: 'accepted',
      reason: 'authenticated',
      strength: 'strong',
      assurance: 'explicit',
      confirmed: true,
      transport: 'verified',
      wire: '{}',
      latency_ms: 1,
      trace_id: 'x',
      leaf: Buffer.alloc(32),
    })
    .execute()
  return id
}

async function find(db: Db, observationId: string, state: 'open' | 'resolved'): Promise<void> {
  const at = '2026-01-01T00:00:00Z'
  await db
    .insertInto('finding')
    .values({
      id: newId(),
      key: newId(),
      kind: 'residual_access',
      severity: 'low',
      state,
      episode: 1,
      sequence: 1,
      opened_at: at,
      last_seen_at: at,
      observation_id: observationId,
    })
    .execute()
}

describe.each(STORES)('partitions on $name', (kind) => {
  let test: TestStore
  const db = () => test.store.db
  beforeAll(async () => {
    if (kind.available) test = await kind.open()
  })
  afterAll(async () => {
    if (kind.available) await test.stop()
  })
  beforeEach(async () => {
    if (!kind.available) return
    await clear(db())
    await dropAll(db())
  })

  it.skipIf(!kind.available)('stand ready for this month and the next three, over the end of a year', async () => {
    await ensurePartitions(db(), instant('2026-11-30T23:59:59.999Z'))
    expect(await partitions(db())).toEqual(['2026_11', '2026_12', '2027_01', '2027_02'])
    for (const at of ['2026-11-01T00:00:00Z', '2026-12-31T23:59:59.999999Z', '2027-01-01T00:00:00Z', '2027-02-28T23:59:59Z'])
      await observe(db(), at)
    await expect(observe(db(), '2027-03-01T00:00:00Z')).rejects.toThrow()
    await ensurePartitions(db(), instant('2027-01-15T00:00:00Z'))
    expect(await partitions(db())).toEqual(['2026_11', '2026_12', '2027_01', '2027_02', '2027_03', '2027_04'])
  })

  it.skipIf(!kind.available)('are made by many at once', async () => {
    const connections = [db()]
    for (let n = 0; n < 3; n++) connections.push((await test.again?.())?.db ?? db())
    for (let year = 2030; year < 2034; year++) {
      const now = instant(`${year}-05-01T00:00:00Z`)
      await Promise.all([...connections, ...connections].map((each) => ensurePartitions(each, now)))
      expect((await partitions(db())).filter((name) => name.startsWith(String(year))).length).toBe(4)
    }
  })

  it.skipIf(!kind.available)('are dropped once they are past, but not while an unresolved finding rests on them', async () => {
    await ensurePartitions(db(), instant('2026-01-15T00:00:00Z'))
    await find(db(), await observe(db(), '2026-02-10T00:00:00Z'), 'open')
    await find(db(), await observe(db(), '2026-01-10T00:00:00Z'), 'resolved')
    expect(await dropPartitionsBefore(db(), instant('2026-03-31T23:59:59Z'))).toEqual(['observation_2026_01'])
    expect(await partitions(db())).toEqual(['2026_02', '2026_03', '2026_04'])
    expect(await dropPartitionsBefore(db(), instant('2026-04-01T00:00:00Z'))).toEqual(['observation_2026_03'])
    await db().updateTable('finding').set({ state: 'resolved' }).execute()
    expect(await dropPartitionsBefore(db(), instant('2026-04-01T00:00:00Z'))).toEqual(['observation_2026_02'])
    expect(await partitions(db())).toEqual(['2026_04'])
  })
})
