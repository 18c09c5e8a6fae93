import { type RawBuilder, sql } from 'kysely'
import type { Alert } from '../domain/alert.ts'
import type { FindingEvent, FindingKind, Severity } from '../domain/finding.ts'
import type { Queryable } from './db.ts'
import { allOf, type Keyset, keyset, oneOf, type PageAsk, type SortKeys } from './keyset.ts'
import { told } from './told.ts'

export const ALERT_SORTS = {
  at: [
    { column: sql`a.at`, type: 'timestamptz' },
    { column: sql`a.id`, type: 'uuid' },
  ],
} as const satisfies Record<string, SortKeys>

export interface AlertFilter {
  severity?: readonly Severity[] | undefined
  event?: readonly FindingEvent[] | undefined
  findingId?: string | undefined
}

export interface ToldAlert {
  id: string
  findingId: string
  kind: FindingKind
  sequence: number
  event: FindingEvent
  severity: Severity
  title: string
  at: string
  deliveries: { pending: number; delivered: number; dead: number }
}

export async function alertPage(
  db: Queryable,
  { severity, event, findingId }: AlertFilter,
  ask: PageAsk<keyof typeof ALERT_SORTS>,
): Promise<(ToldAlert & { keys: string[] })[]> {
  const { past, order, keys } = keyset(ALERT_SORTS, ask)
  const wanted = allOf([
    oneOf(sql`a.severity`, severity),
    oneOf(sql`a.event`, event),
    findingId === undefined ? undefined : sql`a.finding_id = ${findingId}::uuid`,
    past,
  ])
  return tell(db, sql`select a.* from alert a where ${wanted} order by ${order} limit ${ask.limit}`, { order, keys }, sql``)
}

/** One alert with its whole body; undefined where there is none of this id. */
export async function toldAlert(db: Queryable, id: string): Promise<(ToldAlert & { body: Alert }) | undefined> {
  const page = sql`select a.* from alert a where a.id = ${id}::uuid`
  const [row] = await tell<ToldAlert & { body: Alert }>(db, page, { order: sql`a.id`, keys: sql`null` }, sql`, a.body`)
  if (row === undefined) return undefined
  const { keys: _, ...alert } = row
  return alert
}

async function tell<Row extends ToldAlert>(
  db: Queryable,
  page: RawBuilder<unknown>,
  { order, keys }: Pick<Keyset, 'order' | 'keys'>,
  more: RawBuilder<unknown>,
): Promise<(Row & { keys: string[] })[]> {
  const { rows } = await sql<Row & { keys: string[] }>`
    select a.id, a.finding_id as "findingId", a.body -> 'finding' ->> 'kind' as kind, a.sequence, a.event, a.severity, a.body ->> 'title' as title,
      ${told(sql`a.at`)} as at, d.counts as deliveries, ${keys} as keys${more}
    from (${page}) a
    left join lateral (
      select json_build_object('pending', count(*) filter (where d.state = 'pending'), 'delivered', count(*) filter (where d.state = 'delivered'),
        'dead', count(*) filter (where d.state = 'dead')) as counts from delivery d where d.alert_id = a.id
    ) d on true order by ${order}
  `.execute(db)
  return rows
}
