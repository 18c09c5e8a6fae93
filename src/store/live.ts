import { sql } from 'kysely'
import type { FindingKind, FindingState, Severity } from '../domain/finding.ts'
import type { TurnOutcome } from '../domain/grant.ts'
import type { Queryable } from './db.ts'
import type { FindingEventTable } from './tables.ts'

export const LIVE_TYPES = ['finding', 'trial', 'operator', 'delivery', 'listing'] as const
export type LiveType = (typeof LIVE_TYPES)[number]

/** Something that happened: the row that it stands in, and a key that tells it from what happens to the same row later. */
export interface LiveKey {
  type: LiveType
  id: string
  key: string
}

/** How long an alert may be on its way, and some: of older ones nothing is told. */
const DELIVERY_LIVES_MS = 4 * 86_400_000

/**
 * What was written since an instant, by the clocks of those who wrote it, in the order in which it began; `limit` at most, the oldest.
 * Read by the primary keys alone, but for the turns of inventories, one row for each system: ids are UUIDv7, made in the transactions that
 * write them.
 *
 * @param trialMs how long a trial may last
 */
export async function liveKeys(db: Queryable, since: Temporal.Instant, trialMs: number, limit: number): Promise<LiveKey[]> {
  const from = sql`${since.toString()}::timestamptz`
  const { rows } = await sql<LiveKey>`
    select type, id, key from (
      select 'finding' as type, id, id::text as key from finding_event where id >= ${firstId(since)}::uuid
      union all select 'operator', id, id::text from audit where id >= ${firstId(since)}::uuid
      union all select 'trial', id, id::text from trial
        where id >= ${firstId(since.subtract({ milliseconds: trialMs }))}::uuid and finished_at >= ${from}
      union all select 'delivery', id, id::text || extract(epoch from finished_at)::text from delivery
        where id >= ${firstId(since.subtract({ milliseconds: DELIVERY_LIVES_MS }))}::uuid and finished_at >= ${from}
      union all select 'listing', system_id, system_id::text || extract(epoch from finished_at)::text from listing_turn where finished_at >= ${from}
    ) each order by id limit ${limit}
  `.execute(db)
  return rows
}

/** The least UUIDv7 of a millisecond. */
function firstId(at: Temporal.Instant): string {
  const ms = Math.max(0, at.epochMilliseconds).toString(16).padStart(12, '0')
  return `${ms.slice(0, 8)}-${ms.slice(8)}-0000-0000-000000000000`
}

export interface LiveFinding {
  id: string
  findingId: string
  at: Temporal.Instant
  event: FindingEventTable['event']
  state: FindingState
  severity: Severity
  kind: FindingKind
  /** Who did it, of what an operator did. */
  actor: string | null
  identityId: string | null
  identity: string | null
  systemId: string | null
  system: string | null
  credentialId: string | null
}

export async function liveFindings(db: Queryable, ids: readonly string[]): Promise<LiveFinding[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<LiveFinding>`
    select e.id, e.finding_id as "findingId", e.at, e.event, e.state, e.severity, f.kind, e.actor, f.identity_id as "identityId",
      i.name as identity, f.system_id as "systemId", s.name as system, f.credential_id as "credentialId"
    from finding_event e join finding f on f.id = e.finding_id
    left join identity i on i.id = f.identity_id left join system s on s.id = f.system_id
    where e.id in ${these(ids)}
  `.execute(db)
  return rows
}

export interface LiveListing {
  id: string
  at: Temporal.Instant
  system: string
  outcome: TurnOutcome
  people: number
  inconclusive: number
  listed: number
}

/** The last turns of inventories, by the ids of their systems. */
export async function liveListings(db: Queryable, ids: readonly string[]): Promise<LiveListing[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<LiveListing>`
    select t.system_id as id, t.finished_at as at, s.name as system, t.outcome, t.people, t.inconclusive, t.listed
    from listing_turn t join system s on s.id = t.system_id where t.system_id in ${these(ids)} and t.finished_at is not null
  `.execute(db)
  return rows
}

export interface LiveTrial {
  id: string
  at: Temporal.Instant
  systemId: string
  system: string
  outcome: string | null
  accepted: number
  rejected: number
  inconclusive: number
}

export async function liveTrials(db: Queryable, ids: readonly string[]): Promise<LiveTrial[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<LiveTrial>`
    select t.id, t.finished_at as at, t.system_id as "systemId", s.name as system, t.outcome, t.accepted, t.rejected, t.inconclusive
    from trial t join system s on s.id = t.system_id where t.id in ${these(ids)} and t.finished_at is not null
  `.execute(db)
  return rows
}

export interface LiveAct {
  id: string
  at: Temporal.Instant
  actor: string
  action: string
  subject: string
}

export async function liveActs(db: Queryable, ids: readonly string[]): Promise<LiveAct[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<LiveAct>`select id, at, actor, action, subject from audit where id in ${these(ids)}`.execute(db)
  return rows
}

export interface LiveDelivery {
  id: string
  at: Temporal.Instant
  sink: string
  state: 'delivered' | 'dead'
  findingId: string
}

export async function liveDeliveries(db: Queryable, ids: readonly string[]): Promise<LiveDelivery[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<LiveDelivery>`
    select d.id, d.finished_at as at, d.sink, d.state, a.finding_id as "findingId"
    from delivery d join alert a on a.id = d.alert_id where d.id in ${these(ids)} and d.finished_at is not null
  `.execute(db)
  return rows
}

function these(ids: readonly string[]) {
  return sql`(select json_array_elements_text(${JSON.stringify(ids)}::json)::uuid)`
}
