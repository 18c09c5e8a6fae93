import { sql } from 'kysely'
import type { GrantFacts, GrantKind, ListingFault, ListingOutcome } from '../domain/grant.ts'
import type { Queryable } from './db.ts'
import { allOf, keyset, oneOf, type PageAsk, type SortKeys } from './keyset.ts'
import { type IdentityRef, identityRef, type SystemRef, systemRef, told } from './told.ts'

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
  parts: Record<string, 'complete' | ListingFault>
  assurance: 'controlled' | 'explicit'
  traceId: string
}

/** Every look at somebody, and how far it got. */
export async function listingPage(
  db: Queryable,
  { systemId, identityId, outcome }: ListingFilter,
  ask: PageAsk<keyof typeof LISTING_SORTS>,
): Promise<(ToldListing & { keys: string[] })[]> {
  const { past, order, keys } = keyset(LISTING_SORTS, ask)
  const wanted = allOf([
    systemId === undefined ? undefined : sql`l.system_id = ${systemId}::uuid`,
    identityId === undefined ? undefined : sql`l.identity_id = ${identityId}::uuid`,
    outcome === undefined ? undefined : sql`l.outcome = ${outcome}`,
    past,
  ])
  const { rows } = await sql<ToldListing & { keys: string[] }>`
    select l.id, ${systemRef('s')} as system, ${identityRef('i')} as identity, l.inventory, ${told(sql`l.at`)} as at, l.outcome, l.reason,
      l.known, l.listed, l.parts, l.assurance, l.trace_id as "traceId", ${keys} as keys
    from (select l.* from listing l where ${wanted} order by ${order} limit ${ask.limit}) l
    join system s on s.id = l.system_id join identity i on i.id = l.identity_id order by ${order}
  `.execute(db)
  return rows
}

export interface ToldTurn {
  system: string
  askedAt: string | null
  fault: string | null
}

/** When each system with an inventory was asked last, and what kept it from answering. */
export async function listingTurns(db: Queryable): Promise<ToldTurn[]> {
  const { rows } = await sql<ToldTurn>`
    select s.name as system, ${told(sql`t.asked_at`)} as "askedAt", t.fault from listing_turn t
    join system s on s.id = t.system_id where s.retired_at is null order by s.name
  `.execute(db)
  return rows
}
