import { sql } from 'kysely'
import type { Facts } from '../domain/leaf.ts'
import type { Queryable } from './db.ts'
import { allOf, keyset, oneOf, type PageAsk, type SortKeys } from './keyset.ts'
import { at, ledgerPlace, told } from './told.ts'

export const AUDIT_SORTS = {
  at: [
    { column: sql`a.at`, type: 'timestamptz' },
    { column: sql`a.id`, type: 'uuid' },
  ],
} as const satisfies Record<string, SortKeys>

export interface AuditFilter {
  actor?: string | undefined
  action?: readonly string[] | undefined
  subject?: string | undefined
  from?: Temporal.Instant | undefined
  to?: Temporal.Instant | undefined
  /** False: without what was only looked at; true: nothing else. */
  looks?: boolean | undefined
}

export interface ToldAudit {
  id: string
  at: string
  actor: string
  action: string
  subject: string
  detail: Facts
  ledger: { index: number; at: string } | null
}

/** What is a look, of an audit row `a`. */
export const LOOK = sql<boolean>`(a.action like '%.view' or a.action = 'evidence.pull')`

export async function auditPage(
  db: Queryable,
  { actor, action, subject, from, to, looks }: AuditFilter,
  ask: PageAsk<keyof typeof AUDIT_SORTS>,
): Promise<(ToldAudit & { keys: string[] })[]> {
  const { past, order, keys } = keyset(AUDIT_SORTS, ask)
  const wanted = allOf([
    actor === undefined ? undefined : sql`a.actor = ${actor}`,
    oneOf(sql`a.action`, action),
    subject === undefined ? undefined : sql`a.subject = ${subject}`,
    from === undefined ? undefined : sql`a.at >= ${at(from)}`,
    to === undefined ? undefined : sql`a.at < ${at(to)}`,
    looks === undefined ? undefined : looks ? LOOK : sql`not ${LOOK}`,
    past,
  ])
  const { rows } = await sql<ToldAudit & { keys: string[] }>`
    select a.id, ${told(sql`a.at`)} as at, a.actor, a.action, a.subject, a.detail, ${ledgerPlace(sql`a.id`)} as ledger, ${keys} as keys
    from (select a.* from audit a where ${wanted} order by ${order} limit ${ask.limit}) a order by ${order}
  `.execute(db)
  return rows
}
