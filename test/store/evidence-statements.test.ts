import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import type { Queryable } from '../../src/store/db.ts'
import {
  leavers,
  openItems,
  operators,
  type StatementPage,
  type StatementScope,
  unverified,
} from '../../src/store/evidence-statements.ts'
import { STORES, type TestStore } from '../servers/stores.ts'

const LEAVERS = 60_000
const PAGE = 1_000
const NOW = Temporal.Instant.from('2026-11-22T12:00:00Z')

describe.each(STORES.slice(0, 1))('statements of many rows on $name', { timeout: 120_000 }, ({ open }) => {
  let at: TestStore
  beforeAll(async () => {
    at = await open()
    const { db } = at.store
    const left = sql`${NOW.toString()}::timestamptz - n * interval '1 second'`
    const system = newId()
    await sql`insert into system (id, name, probe, origin, bound_origin, tier, zone) values (${system}::uuid, 'wiki', 'http', 'o', 'o', 'standard', 'z')`.execute(
      db,
    )
    await sql`insert into identity (id, external_id, kind, name, terminated_at, source)
      select gen_random_uuid(), 'P' || n, 'human', 'x', ${left}, 't' from generate_series(1, ${sql.lit(LEAVERS)}) n`.execute(db)
    await sql`insert into credential (id, identity_id, system_id, label, kind, privilege, fingerprint)
      select gen_random_uuid(), id, ${system}::uuid, 'l', 'api_token', 'standard', 'f' from identity`.execute(db)
    await sql`insert into check_state (credential_id, system_id, slot) select id, system_id, 0 from credential`.execute(db)
    await sql`insert into finding (id, key, kind, severity, state, episode, sequence, opened_at, last_seen_at)
      select gen_random_uuid(), 'k' || n, 'residual_access', case n % 2 when 0 then 'high' else 'low' end, 'open', 1, 1, ${left}, ${left}
      from generate_series(1, 20000) n`.execute(db)
    await sql`insert into audit (id, at, actor, action, subject, detail) select gen_random_uuid(), ${left}, 'a', 'b.c', 's', '{}'
      from generate_series(1, 20000) n`.execute(db)
  })
  afterAll(() => at.stop())

  const scope: StatementScope = {
    ...{ from: NOW.subtract({ hours: 200 }), to: NOW, now: NOW, confirmRejections: 2 },
    revokeWithinMs: { low: 1, standard: 1, critical: 1 },
  }
  /** Rows of tables that a page reads. */
  const readBy = (page: StatementPage, after: string) =>
    at.store.db.transaction().execute(async (tx) => {
      const before = await rowsRead(tx)
      const rows = await page(tx, scope, after, PAGE)
      return { rows, read: (await rowsRead(tx)) - before }
    })
  async function rowsRead(db: Queryable): Promise<number> {
    const { rows } = await sql<{ read: number }>`
      select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::float8 as read from pg_stat_xact_user_tables
    `.execute(db)
    return rows[0]?.read ?? 0
  }

  // Also as a table is between a bulk load and its statistics.
  it.each([false, true])('a page reads as much at the end as at the start; analysed: %s', async (isAnalysed) => {
    if (isAnalysed) await sql`analyze`.execute(at.store.db)
    const all = [
      ['leavers', leavers, LEAVERS],
      ['unverified', unverified, LEAVERS],
      ['operators', operators, 20_000],
      ['open items', openItems, 20_000],
    ] as const
    for (const [name, page, total] of isAnalysed ? all : all.slice(0, 2)) {
      const keys: string[] = []
      while (keys.length < total) {
        const rows = await page(at.store.db, scope, keys.at(-1) ?? '', 10 * PAGE)
        if (rows.length === 0) break
        keys.push(...rows.map(({ key }) => key))
      }
      expect(new Set(keys).size, name).toBe(total)
      const [first, last] = [await readBy(page, ''), await readBy(page, keys.at(-PAGE - 1) ?? '')]
      expect(last.rows.map(({ key }) => key)).toEqual(keys.slice(-PAGE))
      expect(first.read, name).toBeGreaterThanOrEqual(PAGE)
      for (const { read } of [first, last]) expect(read, name).toBeLessThan(PAGE * 8)
      expect(await page(at.store.db, scope, last.rows.at(-1)?.key ?? '', PAGE), name).toEqual([])
      expect(await page(at.store.db, scope, 'nonsense', PAGE), name).toEqual([])
    }
  })
})
