import { sql } from 'kysely'
import type { FeedKind, HoldReason, StatementSays, StatementState } from '../domain/feed.ts'
import type { Queryable } from './db.ts'
import { allOf, keyset, oneOf, type PageAsk, type SortKeys } from './keyset.ts'
import { type IdentityRef, identityRef, told } from './told.ts'

export const FEED_SORTS = {
  name: [{ column: sql`(d.name collate "C")`, type: 'text' }],
} as const satisfies Record<string, SortKeys>

export const STATEMENT_SORTS = {
  at: [
    { column: sql`s.at`, type: 'timestamptz' },
    { column: sql`s.id`, type: 'uuid' },
  ],
} as const satisfies Record<string, SortKeys>

export interface ToldFeed {
  id: string
  name: string
  kind: FeedKind
  heardAt: string | null
  silentAt: string
  fault: string | null
  faultAt: string | null
  /** Words that were not taken and stand; null: none. */
  refused: { subjects: number; count: number; firstAt: string; lastAt: string } | null
  retired: boolean
  present: number
  gone: number
  held: number
}

/** Sources of leavers, with what they say in numbers. */
export async function feedPage(db: Queryable, ask: PageAsk<keyof typeof FEED_SORTS>): Promise<(ToldFeed & { keys: string[] })[]> {
  const { past, order, keys } = keyset(FEED_SORTS, ask)
  const { rows } = await sql<ToldFeed & { keys: string[] }>`
    select d.id, d.name, d.kind, ${told(sql`d.heard_at`)} as "heardAt",
      ${told(sql`(coalesce(d.heard_at, d.created_at) + d.silent_after_ms * interval '1 millisecond')`)} as "silentAt",
      coalesce(d.fault, r.fault) as fault, ${told(sql`coalesce(d.fault_at, r.last_at)`)} as "faultAt", r.refused,
      d.retired_at is not null as retired, n.present, n.gone, h.held, ${keys} as keys
    from feed d
    cross join lateral (
      select (count(*) filter (where standing <> 'terminated'))::int as present,
        (count(*) filter (where standing = 'terminated'))::int as gone from feed_subject where feed_id = d.id
    ) n
    cross join lateral (
      select (array_agg(fault order by last_at desc, key))[1] as fault, max(last_at) as last_at,
        case when count(*) > 0 then json_build_object('subjects', count(*)::int, 'count', sum(count)::int,
          'firstAt', ${told(sql`min(first_at)`)}, 'lastAt', ${told(sql`max(last_at)`)}) end as refused
      from feed_fault where feed_id = d.id
    ) r
    cross join lateral (select count(*)::int as held from feed_statement where feed_id = d.id and state = 'held') h
    where ${allOf([past])} order by ${order} limit ${ask.limit}
  `.execute(db)
  return rows
}

export interface StatementFilter {
  state?: readonly StatementState[] | undefined
  /** Name of the source. */
  source?: string | undefined
  reason?: readonly HoldReason[] | undefined
  identityId?: string | undefined
  deliveryId?: string | undefined
}

export interface ToldStatement {
  id: string
  source: { id: string; name: string }
  key: string
  called: string
  /** For people, as the source says it. */
  name: string | null
  identity: IdentityRef | null
  says: StatementSays
  effectiveAt: string | null
  state: StatementState
  reason: HoldReason | null
  deliveryId: string
  /** Its word, as it came; `at`: of a departure that has a day of its own. */
  said: { is: 'active' | 'inactive' | 'deleted' | 'suspended' | 'terminated' | 'unsaid'; at: string | null }
  at: string
  decidedAt: string | null
  decidedBy: string | null
}

/** What sources said, and what became of it. */
export async function statementPage(
  db: Queryable,
  filter: StatementFilter,
  ask: PageAsk<keyof typeof STATEMENT_SORTS>,
): Promise<(ToldStatement & { keys: string[] })[]> {
  const { past, order, keys } = keyset(STATEMENT_SORTS, ask)
  const { state, source, reason, identityId, deliveryId } = filter
  const wanted = allOf([
    oneOf(sql`s.state`, state),
    // In the words of an index: of these there are few.
    state?.every((each) => each === 'held' || each === 'dismissed') === true ? sql`s.state in ('held', 'dismissed')` : undefined,
    oneOf(sql`s.reason`, reason),
    source === undefined ? undefined : sql`s.feed_id in (select id from feed where name = ${source})`,
    identityId === undefined ? undefined : sql`s.identity_id = ${identityId}::uuid`,
    deliveryId === undefined ? undefined : sql`s.delivery_id = ${deliveryId}::uuid`,
    past,
  ])
  const { rows } = await sql<ToldStatement & { keys: string[] }>`
    select s.id, json_build_object('id', d.id, 'name', d.name) as source, s.key, s.said ->> 'externalId' as called, s.said ->> 'name' as name,
      ${identityRef('i')} as identity, s.says, ${told(sql`s.effective_at`)} as "effectiveAt", s.state, s.reason,
      json_build_object('is', s.said ->> 'is', 'at', s.said ->> 'at') as said, s.delivery_id as "deliveryId", ${told(sql`s.at`)} as at, ${told(sql`s.decided_at`)} as "decidedAt", s.decided_by as "decidedBy",
      ${keys} as keys
    from (select s.* from feed_statement s where ${wanted} order by ${order} limit ${ask.limit}) s
    join feed d on d.id = s.feed_id left join identity i on i.id = s.identity_id order by ${order}
  `.execute(db)
  return rows
}

/** How many statements wait for a decision. */
export async function heldStatements(db: Queryable): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from feed_statement where state = 'held'`.execute(
    db,
  )
  return rows[0]?.count ?? 0
}
