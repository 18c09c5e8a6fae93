import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { countDue, duePage, dueSystems } from '../../src/store/due.ts'
import { pause, resume } from '../../src/store/pause.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addCheck, addChecks, addSystem, clear, NOW } from './checks.ts'

describe.each(STORES)('what is due on $name', (kind) => {
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
  const due = async (zones = ['default']) => (await dueSystems(db(), zones, NOW)).map((row) => row.name).toSorted()
  const set = (
    id: string,
    fields: { hold_until?: string; schedule?: string; schedule_due_at?: string | null; retired_at?: string },
  ) => db().updateTable('system').set(fields).where('id', '=', id).execute()

  it.skipIf(!kind.available)('is a system with a credential whose time has come, and no other', async () => {
    const [now, later, never, none] = [
      await addSystem(db(), 'now'),
      await addSystem(db(), 'later'),
      await addSystem(db(), 'never'),
      await addSystem(db(), 'none'),
    ]
    await addCheck(db(), now, { dueAt: NOW })
    await addCheck(db(), now, { dueAt: NOW.add({ hours: 1 }) })
    await addCheck(db(), later, { dueAt: NOW.add({ milliseconds: 1 }) })
    await addCheck(db(), never, { dueAt: null })
    expect(none).toBeDefined()
    expect(await due()).toEqual(['now'])
    expect(await countDue(db(), NOW)).toBe(1)
    expect(await countDue(db(), NOW.add({ hours: 1 }), now)).toBe(2)
  })

  it.skipIf(!kind.available)('leaves out what is paused, held, retired, of another zone, or outside its window', async () => {
    const [paused, held, retired, elsewhere, closed, open] = [
      await addSystem(db(), 'paused'),
      await addSystem(db(), 'held'),
      await addSystem(db(), 'retired'),
      await addSystem(db(), 'elsewhere', { zone: 'dmz' }),
      await addSystem(db(), 'closed'),
      await addSystem(db(), 'open'),
    ]
    for (const id of [paused, held, retired, elsewhere, closed, open]) await addCheck(db(), id)
    await pause(db(), paused, 'me', '', NOW)
    await set(held, { hold_until: NOW.add({ milliseconds: 1 }).toString() })
    await set(retired, { retired_at: NOW.toString() })
    await set(closed, { schedule: '0 * * * *', schedule_due_at: NOW.add({ milliseconds: 1 }).toString() })
    await set(open, { schedule: '0 * * * *', schedule_due_at: NOW.toString(), hold_until: NOW.toString() })
    expect(await due()).toEqual(['open'])
    expect(await due(['dmz', 'default'])).toEqual(['elsewhere', 'open'])
    expect(await due([])).toEqual([])
    await pause(db(), '*', 'me', '', NOW)
    expect(await due(['dmz', 'default'])).toEqual([])
    await resume(db(), '*')
    await resume(db(), paused)
    expect(await due()).toEqual(['open', 'paused'])
  })

  it.skipIf(!kind.available)('pages through equal instants without losing or doubling any, oldest first', async () => {
    const system = await addSystem(db(), 'a')
    const same = NOW.subtract({ hours: 1 })
    const old = NOW.subtract({ hours: 2 }).add({ nanoseconds: 7_000 })
    const rows = await addChecks(db(), system, [
      ...Array.from({ length: 23 }, () => ({ dueAt: same })),
      { dueAt: old },
      { dueAt: NOW.add({ hours: 1 }) },
    ])
    const seen: string[] = []
    const pages: number[] = []
    let after: { dueAt: string; credentialId: string } | undefined
    for (;;) {
      const page = await duePage(db(), { systemId: system, shard: 0, shards: 1, now: NOW, limit: 5, after })
      pages.push(page.length)
      const last = page.at(-1)
      if (last === undefined) break
      seen.push(...page.map((row) => row.credential_id))
      after = { dueAt: last.due_at, credentialId: last.credential_id }
    }
    expect(pages).toEqual([5, 5, 5, 5, 4, 0])
    expect(seen[0]).toBe(rows[23]?.id)
    expect(seen.slice(1)).toEqual(
      rows
        .slice(0, 23)
        .map((row) => row.id)
        .toSorted(),
    )
  })

  it.skipIf(!kind.available)('is split over the shards: together everything, and nothing twice', async () => {
    const system = await addSystem(db(), 'a')
    const rows = await addChecks(
      db(),
      system,
      Array.from({ length: 60 }, () => ({})),
    )
    for (const shards of [1, 3, 7]) {
      const parts = await Promise.all(
        Array.from({ length: shards }, (_each, shard) =>
          duePage(db(), { systemId: system, shard, shards, now: NOW, limit: 100, after: undefined }),
        ),
      )
      expect(
        parts
          .flat()
          .map((row) => row.credential_id)
          .toSorted(),
      ).toEqual(rows.map((row) => row.id).toSorted())
      if (shards === 3) for (const part of parts) expect(part.length).toBeGreaterThan(5)
    }
  })

  it.skipIf(!kind.available)('costs one look into the index where much is registered and nothing is due', async () => {
    const system = await addSystem(db(), 'a')
    for (let n = 0; n < 4; n++)
      await addChecks(
        db(),
        system,
        Array.from({ length: 1_000 }, () => ({ dueAt: NOW.add({ hours: 1 }) })),
      )
    await sql`analyze check_state`.execute(db())
    const { rows } = await sql<{ 'QUERY PLAN': [{ Plan: Plan }] }>`
      explain (analyze, format json, costs off, timing off, summary off)
      select s.id from system s where s.zone in ('default') and s.retired_at is null
        and exists (select 1 from check_state c where c.system_id = s.id and c.due_at <= ${NOW.toString()}::timestamptz)
    `.execute(db())
    const scans = flatten(rows[0]?.['QUERY PLAN'][0].Plan).filter(
      (plan) => plan['Relation Name'] === 'check_state' || plan['Index Name'] !== undefined,
    )
    expect(scans.map((plan) => plan['Index Name'])).toContain('check_state_due')
    expect(Math.max(...scans.filter((plan) => plan['Index Name'] === 'check_state_due').map((plan) => plan['Actual Rows']))).toBe(
      0,
    )
    expect(scans.some((plan) => plan['Node Type'] === 'Seq Scan')).toBe(false)
    expect(await due()).toEqual([])
  })
})

interface Plan {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows': number
  Plans?: Plan[]
}

function flatten(plan: Plan | undefined): Plan[] {
  return plan === undefined ? [] : [plan, ...(plan.Plans ?? []).flatMap(flatten)]
}
