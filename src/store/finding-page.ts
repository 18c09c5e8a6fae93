import { sql } from 'kysely'
import type { FindingKind, FindingState, Severity } from '../domain/finding.ts'
import type { IdentityKind } from '../domain/identity.ts'
import type { Tier } from '../domain/system.ts'
import type { Queryable } from './db.ts'

export interface FindingPageFilter {
  state?: FindingState
  /** Findings with an event (opened, acknowledged, resolved …) at or after this instant. */
  changedSince?: Temporal.Instant
}

export interface PagedFinding {
  id: string
  kind: FindingKind
  severity: Severity
  state: FindingState
  episode: number
  exempted: boolean
  opened_at: Temporal.Instant
  last_seen_at: Temporal.Instant
  resolved_at: Temporal.Instant | null
  acknowledged_at: Temporal.Instant | null
  acknowledged_by: string | null
  /** Of the last event. */
  changed_at: Temporal.Instant
  external_id: string | null
  identity_kind: IdentityKind | null
  name: string | null
  left_at: Temporal.Instant | null
  system: string | null
  tier: Tier | null
  owner: string | null
  credential: string | null
  fingerprint: string | null
}

/** Findings by id, those after `after`, with the names of what they are about. Nobody's secret is among them. */
export async function findingPage(
  db: Queryable,
  filter: FindingPageFilter,
  after: string | undefined,
  limit: number,
): Promise<PagedFinding[]> {
  const { state, changedSince } = filter
  const { rows } = await sql<PagedFinding>`
    select f.id, f.kind, f.severity, f.state, f.episode, f.exempted, f.opened_at, f.last_seen_at, f.resolved_at, f.acknowledged_at,
      f.acknowledged_by, coalesce((select max(e.at) from finding_event e where e.finding_id = f.id), f.opened_at) as changed_at,
      i.external_id, i.kind as identity_kind, i.name, i.terminated_at as left_at, s.name as system, s.tier, s.owner,
      k.label as credential, k.fingerprint
    from finding f left join identity i on i.id = f.identity_id left join system s on s.id = f.system_id
    left join credential k on k.id = f.credential_id
    where ${after === undefined ? sql`true` : sql`f.id > ${after}::uuid`}
      and ${state === undefined ? sql`true` : sql`f.state = ${state}`}
      and ${changedSince === undefined ? sql`true` : sql`f.id in (select e.finding_id from finding_event e where e.at >= ${changedSince.toString()}::timestamptz)`}
    order by f.id limit ${limit}
  `.execute(db)
  return rows
}
