import { sql } from 'kysely'
import type { FindingKind, FindingState, Severity } from '../domain/finding.ts'
import type { IdentityKind } from '../domain/identity.ts'
import type { Reason } from '../domain/reason.ts'
import type { Assurance, Strength, Verdict } from '../domain/verdict.ts'
import type { Queryable } from './db.ts'

/** How one credential of a leaver stands, for a person to read. */
export interface CredentialStanding {
  identity: string
  identityKind: IdentityKind
  system: string
  label: string
  terminatedAt: Temporal.Instant
  verdict: Verdict | null
  reason: Reason | null
  assurance: Assurance | null
  strength: Strength | null
  dead: boolean
  latencyMs: number | null
  finding: { kind: FindingKind; severity: Severity; state: FindingState } | null
  /** Who the system said it was, at the acceptance that the finding rests on. */
  principal: string | null
  confirmed: boolean
}

/** Every leaver's credential with its most severe unresolved finding. For small numbers: the demo, one identity. */
export async function credentialStandings(db: Queryable, now: Temporal.Instant, limit: number): Promise<CredentialStanding[]> {
  const { rows } = await sql<CredentialStanding>`
    select i.name as identity, i.kind as "identityKind", s.name as system, k.label, i.terminated_at as "terminatedAt",
      c.verdict, c.reason, c.assurance, c.strength, c.dead_at is not null as dead,
      (extract(epoch from c.first_rejected_at - i.terminated_at) * 1000)::float8 as "latencyMs",
      case when f.id is null then null else json_build_object('kind', f.kind, 'severity', f.severity, 'state', f.state) end as finding,
      o.principal, coalesce(o.confirmed, false) as confirmed
    from check_state c
    join credential k on k.id = c.credential_id
    join identity i on i.id = k.identity_id
    join system s on s.id = c.system_id
    left join lateral (
      select * from finding f
      where f.credential_id = c.credential_id and f.state <> 'resolved' and f.kind <> 'unverified_past_deadline'
      order by array_position(array['critical', 'high', 'medium', 'low', 'info'], f.severity) limit 1
    ) f on true
    left join observation o on o.id = f.observation_id
    where k.retired_at is null and i.terminated_at <= ${now.toString()}::timestamptz
    order by i.name, s.name, k.label limit ${limit}
  `.execute(db)
  return rows
}

export interface SystemFinding {
  system: string
  kind: FindingKind
  severity: Severity
  state: FindingState
  openedAt: Temporal.Instant
}

/** Unresolved findings that are about a system, not about a credential. */
export async function systemFindings(db: Queryable): Promise<SystemFinding[]> {
  const { rows } = await sql<SystemFinding>`
    select s.name as system, f.kind, f.severity, f.state, f.opened_at as "openedAt"
    from finding f join system s on s.id = f.system_id
    where f.state <> 'resolved' and f.credential_id is null order by s.name
  `.execute(db)
  return rows
}

export interface LastControls {
  system: string
  control: string
  verdict: Verdict
  reason: Reason
}

/** The last answer of each control of each system. */
export async function lastControls(db: Queryable): Promise<LastControls[]> {
  const { rows } = await sql<LastControls>`
    select distinct on (s.name, c.control) s.name as system, c.control, c.verdict, c.reason
    from control c join system s on s.id = c.system_id
    order by s.name, c.control, c.observed_at desc
  `.execute(db)
  return rows
}

/** What a sweep still has to do: credentials not tried, rejections not proven often enough, alerts not delivered. */
export async function progress(db: Queryable): Promise<{ untried: number; unproven: number; undelivered: number }> {
  const { rows } = await sql<{ untried: number; unproven: number; undelivered: number }>`
    select
      (select count(*)::int from check_state where due_at is not null and verdict is null) as untried,
      (select count(*)::int from check_state where due_at is not null and rejections > 0 and dead_at is null) as unproven,
      (select count(*)::int from delivery where state = 'pending') as undelivered
  `.execute(db)
  return rows[0] ?? { untried: 0, unproven: 0, undelivered: 0 }
}
