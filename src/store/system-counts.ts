import { sql } from 'kysely'
import type { Standing } from '../domain/standing.ts'
import type { Queryable } from './db.ts'
import { at, checkStanding, told } from './told.ts'

/** How much can be relied on, of the credentials of those who left. */
export interface CoverageCounts {
  credentials: number
  /** The last answer proved something, and the next try is not overdue. */
  verified: number
  /** The last answer proved nothing. */
  blind: number
  overdue: number
  /** Not tried yet, and not overdue. */
  pending: number
}

/** What is known of a system's credentials as a whole. */
export interface SystemCounts {
  credentials: Record<Standing, number>
  coverage: CoverageCounts
  dueNow: number
  nextDueAt: string | null
}

const STANDS = ['open', 'unverified', 'not_tried', 'refused', 'closed', 'resting'] as const
const COVERS = ['verified', 'blind', 'overdue', 'pending'] as const

type Row = { systemId: string; dueNow: number; nextDueAt: string | null; retired: number } & Record<
  (typeof STANDS)[number] | (typeof COVERS)[number],
  number
>

/**
 * By system; one that has no credentials has none. Reads every check state: for whoever keeps the answer for a while.
 *
 * @param dueBefore what fell due before is overdue
 */
export async function countsBySystem(
  db: Queryable,
  now: Temporal.Instant,
  dueBefore: Temporal.Instant,
): Promise<Map<string, SystemCounts>> {
  const count = (column: 'standing' | 'coverage', name: string) =>
    sql`(count(*) filter (where ${sql.ref(`c.${column}`)} = ${sql.lit(name)}))::int as ${sql.ref(name)}`
  const columns = [...STANDS.map((name) => count('standing', name)), ...COVERS.map((name) => count('coverage', name))]
  // The fence (`offset 0`) has each row classed once, not once for each column.
  const { rows } = await sql<Row>`
    select c.system_id as "systemId", ${sql.join(columns)}, (count(*) filter (where c.due_at <= ${at(now)}))::int as "dueNow",
      ${told(sql`min(c.due_at)`)} as "nextDueAt", coalesce(r.retired, 0) as retired
    from (
      select c.system_id, c.due_at, ${checkStanding(now)} as standing,
        case when c.terminated_at is null or c.terminated_at > ${at(now)} then null when c.due_at < ${at(dueBefore)} then 'overdue'
          when c.verdict is null then 'pending' when c.judged_at = c.observed_at then 'verified' else 'blind' end as coverage
      from check_state c offset 0
    ) c
    left join (select k.system_id, count(*)::int as retired from credential k where k.retired_at is not null group by k.system_id) r
      on r.system_id = c.system_id
    group by c.system_id, r.retired
  `.execute(db)
  return new Map(rows.map((row) => [row.systemId, countsIn(row)]))
}

function countsIn(row: Row): SystemCounts {
  const { open, unverified, not_tried, refused, closed, resting, retired, verified, blind, overdue, pending } = row
  return {
    // Retired ones look as if they rested.
    credentials: { open, unverified, not_tried, refused, closed, retired, resting: resting - retired },
    coverage: { credentials: verified + blind + overdue + pending, verified, blind, overdue, pending },
    dueNow: row.dueNow,
    nextDueAt: row.nextDueAt,
  }
}

export function noCounts(): SystemCounts {
  return {
    credentials: { open: 0, unverified: 0, not_tried: 0, refused: 0, closed: 0, retired: 0, resting: 0 },
    coverage: { credentials: 0, verified: 0, blind: 0, overdue: 0, pending: 0 },
    dueNow: 0,
    nextDueAt: null,
  }
}

/** What all systems come to. */
export function sumOf(counts: Iterable<SystemCounts>): SystemCounts {
  const sum = noCounts()
  for (const { credentials, coverage, dueNow, nextDueAt } of counts) {
    add(sum.credentials, credentials)
    add(sum.coverage, coverage)
    sum.dueNow += dueNow
    if (nextDueAt !== null && (sum.nextDueAt === null || nextDueAt < sum.nextDueAt)) sum.nextDueAt = nextDueAt
  }
  return sum
}

function add<Name extends string>(sum: Record<Name, number>, more: Readonly<Record<Name, number>>): void {
  for (const name in more) sum[name] += more[name]
}
