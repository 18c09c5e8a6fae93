import { sql } from 'kysely'
import type { GrantFacts, GrantKind, ListingFault, ListingOutcome, TurnOutcome } from '../domain/grant.ts'
import type { Queryable } from './db.ts'
import { allOf, keyset, oneOf, type PageAsk, type SortKeys } from './keyset.ts'
import { at, type IdentityRef, identityRef, type SystemRef, systemRef, told } from './told.ts'

export const GRANT_SORTS = {
  lastSeenAt: [
    { column: sql`g.last_seen_at`, type: 'timestamptz' },
    { column: sql`g.id`, type: 'uuid' },
  ],
} as const satisfies Record<string, SortKeys>

export const GRANT_STATES = ['standing', 'gone'] as const
export type GrantState = (typeof GRANT_STATES)[number]

export interface GrantFilter {
  systemId?: string | undefined
  identityId?: string | undefined
  kind?: readonly GrantKind[] | undefined
  state?: GrantState | undefined
}

export interface ToldGrant {
  id: string
  kind: GrantKind
  list: string
  inventory: string
  key: string
  title: string
  detail: GrantFacts
  state: GrantState
  system: SystemRef
  identity: IdentityRef
  firstSeenAt: string
  lastSeenAt: string
  goneAt: string | null
  findingId: string | null
}

/** What lists of administrators show, or have shown, of those who left. */
export async function grantPage(
  db: Queryable,
  filter: GrantFilter,
  ask: PageAsk<keyof typeof GRANT_SORTS>,
): Promise<(ToldGrant & { keys: string[] })[]> {
  const { past, order, keys } = keyset(GRANT_SORTS, ask)
  const { systemId, identityId, kind, state } = filter
  const wanted = allOf([
    systemId === undefined ? undefined : sql`g.system_id = ${systemId}::uuid`,
    identityId === undefined ? undefined : sql`g.identity_id = ${identityId}::uuid`,
    oneOf(sql`g.kind`, kind),
    state === undefined ? undefined : state === 'gone' ? sql`g.gone_at is not null` : sql`g.gone_at is null`,
    past,
  ])
  const { rows } = await sql<ToldGrant & { keys: string[] }>`
    select g.id, g.kind, g.list, g.inventory, g.key, g.title, g.detail,
      case when g.gone_at is null then 'standing' else 'gone' end as state, ${systemRef('s')} as system, ${identityRef('i')} as identity,
      ${told(sql`g.first_seen_at`)} as "firstSeenAt", ${told(sql`g.last_seen_at`)} as "lastSeenAt", ${told(sql`g.gone_at`)} as "goneAt",
      (select f.id from finding f where f.grant_id = g.id limit 1) as "findingId", ${keys} as keys
    from (select g.* from standing_grant g where ${wanted} order by ${order} limit ${ask.limit}) g
    join system s on s.id = g.system_id join identity i on i.id = g.identity_id order by ${order}
  `.execute(db)
  return rows
}

export const LISTING_SORTS = {
  at: [
    { column: sql`l.at`, type: 'timestamptz' },
    { column: sql`l.id`, type: 'uuid' },
  ],
} as const satisfies Record<string, SortKeys>

export interface ListingFilter {
  systemId?: string | undefined
  identityId?: string | undefined
  outcome?: ListingOutcome | undefined
  /** True: only the last of each identity at each system; false: only those before. */
  last?: boolean | undefined
}

export interface ToldListing {
  id: string
  system: SystemRef
  identity: IdentityRef
  inventory: string
  at: string
  outcome: ListingOutcome
  reason: ListingFault | null
  known: boolean | null
  listed: number
  /** Grants of the same identity that stand there now, whether it saw them or not. */
  standing: number
  parts: Record<string, 'complete' | ListingFault>
  assurance: 'controlled' | 'explicit'
  traceId: string
}

/** Of a listing `l`: the same identity was looked at there again since. An index answers it. */
const LATER = sql`exists (select 1 from listing n where n.system_id = l.system_id and n.identity_id = l.identity_id
  and (n.at, n.id) > (l.at, l.id))`

/** Every look at somebody, and how far it got. */
export async function listingPage(
  db: Queryable,
  { systemId, identityId, outcome, last }: ListingFilter,
  ask: PageAsk<keyof typeof LISTING_SORTS>,
): Promise<(ToldListing & { keys: string[] })[]> {
  const { past, order, keys } = keyset(LISTING_SORTS, ask)
  const wanted = allOf([
    systemId === undefined ? undefined : sql`l.system_id = ${systemId}::uuid`,
    identityId === undefined ? undefined : sql`l.identity_id = ${identityId}::uuid`,
    outcome === undefined ? undefined : sql`l.outcome = ${outcome}`,
    last === undefined ? undefined : last ? sql`not ${LATER}` : LATER,
    past,
  ])
  const { rows } = await sql<ToldListing & { keys: string[] }>`
    select l.id, ${systemRef('s')} as system, ${identityRef('i')} as identity, l.inventory, ${told(sql`l.at`)} as at, l.outcome, l.reason,
      l.known, l.listed, (select count(*)::int from standing_grant g where g.system_id = l.system_id and g.identity_id = l.identity_id
        and g.gone_at is null) as standing, l.parts, l.assurance, l.trace_id as "traceId", ${keys} as keys
    from (select l.* from listing l where ${wanted} order by ${order} limit ${ask.limit}) l
    join system s on s.id = l.system_id join identity i on i.id = l.identity_id order by ${order}
  `.execute(db)
  return rows
}

export interface ToldTurn {
  systemId: string
  system: string
  askedAt: string | null
  fault: string | null
  faultAt: string | null
  /** It is being asked. */
  running: boolean
  /** Of the last turn that had somebody to look at. */
  last: {
    finishedAt: string
    outcome: TurnOutcome
    people: number
    complete: number
    inconclusive: number
    listed: number
  } | null
  /** Grants that stand there. */
  standing: number
}

/** When each system with an inventory was asked last, what came of it, and what kept it from answering. */
export async function listingTurns(db: Queryable, now = Temporal.Now.instant()): Promise<ToldTurn[]> {
  const { rows } = await sql<ToldTurn>`
    select s.id as "systemId", s.name as system, ${told(sql`t.asked_at`)} as "askedAt", t.fault, ${told(sql`t.fault_at`)} as "faultAt",
      coalesce(t.leased_until > ${at(now)}, false) as running,
      case when t.finished_at is not null then json_build_object('finishedAt', ${told(sql`t.finished_at`)}, 'outcome', t.outcome,
        'people', t.people, 'complete', t.complete, 'inconclusive', t.inconclusive, 'listed', t.listed) end as last,
      (select count(*)::int from standing_grant g where g.system_id = s.id and g.gone_at is null) as standing
    from listing_turn t join system s on s.id = t.system_id where s.retired_at is null order by s.name
  `.execute(db)
  return rows
}
