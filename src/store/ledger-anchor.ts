import { type Selectable, sql } from 'kysely'
import { newId } from '../domain/id.ts'
import type { Queryable } from './db.ts'
import type { LedgerAnchorTable } from './tables.ts'

export type LedgerAnchorRow = Selectable<LedgerAnchorTable>

/** The last checkpoint that each anchor took, and what was tried since. */
export async function listAnchors(db: Queryable, limit: number): Promise<LedgerAnchorRow[]> {
  return db.selectFrom('ledger_anchor').selectAll().orderBy('at', 'desc').orderBy('id', 'desc').limit(limit).execute()
}

/** The newest checkpoint that an anchor took; undefined before the first. */
export async function lastAnchored(db: Queryable, anchor: string): Promise<LedgerAnchorRow | undefined> {
  return db
    .selectFrom('ledger_anchor')
    .selectAll()
    .where('anchor', '=', anchor)
    .where('ok', '=', true)
    .orderBy('size', 'desc')
    .limit(1)
    .executeTakeFirst()
}

/**
 * Takes the next try of an anchor: the id of the row that says so, or undefined while the last try, ours or another replica's, is not
 * `waitMs` ago. The row counts as failed until its result is written.
 */
export async function takeAnchorTry(
  db: Queryable,
  of: { anchor: string; kind: string; size: number },
  now: Temporal.Instant,
  waitMs: number,
): Promise<string | undefined> {
  const tried = now.subtract({ milliseconds: waitMs })
  const { rows } = await sql<{ id: string }>`
    insert into ledger_anchor (id, anchor, kind, size, at, ok, detail)
    values (${newId()}::uuid, ${of.anchor}, ${of.kind}, ${of.size}::bigint, ${now.toString()}::timestamptz, false, 'under way')
    on conflict (anchor) where not ok do update
      set size = excluded.size, kind = excluded.kind, at = excluded.at, detail = excluded.detail
      where ledger_anchor.at <= ${tried.toString()}::timestamptz
    returning id
  `.execute(db)
  return rows[0]?.id
}

/** Writes what became of a try. */
export async function endAnchorTry(
  db: Queryable,
  id: string,
  result: { ok: boolean; statedAt?: Temporal.Instant | undefined; proof?: Uint8Array | undefined; detail?: string | undefined },
): Promise<void> {
  await db
    .updateTable('ledger_anchor')
    .set({
      ok: result.ok,
      stated_at: result.statedAt?.toString() ?? null,
      proof: result.proof ?? null,
      detail: result.detail ?? null,
    })
    .where('id', '=', id)
    .execute()
}

/** Adds a witness's signature line to the checkpoint that it cosigned, once. */
export async function addCosignature(db: Queryable, size: number, line: string): Promise<void> {
  await sql`
    update ledger_checkpoint set note = note || ${line} where size = ${size}::bigint and position(${line} in note) = 0
  `.execute(db)
}

export interface AnchorStanding {
  kind: string
  /** The newest checkpoint that it took. */
  last: { size: number; at: string; statedAt: string | null } | null
  /** The last try, where it failed. */
  failing: { at: string; detail: string | null } | null
}

/** How every anchor that was ever told stands, by its name. */
export async function anchorStandings(db: Queryable): Promise<Map<string, AnchorStanding>> {
  const rows = await db
    .selectFrom('ledger_anchor')
    .select(['anchor', 'kind', 'size', 'at', 'ok', 'stated_at', 'detail'])
    .distinctOn(['anchor', 'ok'])
    .orderBy('anchor')
    .orderBy('ok')
    .orderBy('size', 'desc')
    .execute()
  const standings = new Map<string, AnchorStanding>()
  for (const { anchor, kind, size, at, ok, stated_at, detail } of rows) {
    const of = standings.get(anchor) ?? { kind, last: null, failing: null }
    standings.set(anchor, of)
    if (ok) of.last = { size, at: at.toString(), statedAt: stated_at?.toString() ?? null }
    else of.failing = { at: at.toString(), detail }
  }
  return standings
}
