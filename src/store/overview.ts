import { sql } from 'kysely'
import type { FindingKind, Severity } from '../domain/finding.ts'
import type { RevokeWithin } from '../domain/policy.ts'
import type { Queryable } from './db.ts'
import type { SurvivalRow } from './evidence-summary.ts'
import { at, LOOSE, OPEN, revokeBy, type SystemRef, systemRef, told } from './told.ts'

/** How those who left stand. The last four add up to the first. */
export interface Doors {
  terminated: number
  open: number
  unproven: number
  closed: number
  without: number
}

export interface DoorCounts extends Omit<Doors, 'closed' | 'without'> {
  identities: number
}

/** Reads what is not proven closed, and counts identities. */
export async function doors(db: Queryable, now: Temporal.Instant): Promise<DoorCounts> {
  const { rows } = await sql<DoorCounts>`
    with loose as (
      select k.identity_id, bool_or(${OPEN}) as open from check_state c join credential k on k.id = c.credential_id
      where ${LOOSE} and c.terminated_at <= ${at(now)} group by k.identity_id
    )
    select (select count(*)::int from identity) as identities,
      (select count(*)::int from identity i where coalesce(i.terminated_at, 'infinity') <= ${at(now)}) as terminated,
      (count(*) filter (where open))::int as open, (count(*) filter (where not open))::int as unproven
    from loose
  `.execute(db)
  return rows[0] ?? { identities: 0, terminated: 0, open: 0, unproven: 0 }
}

/** Identities that have left and hold a credential that is on the list, or was until it was proven dead. Reads all of both. */
export async function holders(db: Queryable, now: Temporal.Instant): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from identity i where coalesce(i.terminated_at, 'infinity') <= ${at(now)}
      and exists (select 1 from credential k where k.identity_id = i.id
        and (k.retired_at is null or k.retired_reason in ('proven_dead', 'rotated')))
  `.execute(db)
  return rows[0]?.count ?? 0
}

/**
 * When the credentials of those who left since an instant stopped working, for a Kaplan–Meier estimate: as `survivalRows`, of what is on the
 * list now, from the check states alone.
 */
export async function survivalNow(db: Queryable, since: Temporal.Instant, now: Temporal.Instant): Promise<SurvivalRow[]> {
  const { rows } = await sql<SurvivalRow>`
    with ends as (
      select c.verdict = 'rejected' and c.verdict is not null and c.dead_at is not null as closed, greatest(0, extract(epoch from case
          when c.verdict = 'rejected' and c.dead_at is not null then c.first_rejected_at
          else coalesce(c.accepted_at, c.terminated_at) end - c.terminated_at) / 60)::float8 as minutes
      from check_state c where c.terminated_at >= ${at(since)} and c.terminated_at <= ${at(now)}
    ), coarse as (
      select closed, ceil(minutes / step) * step as minutes from (
        select closed, minutes, case when minutes < 360 then 1 when minutes < 4320 then 10 when minutes < 86400 then 60 else 1440 end as step from ends
      ) e
    )
    select minutes, (count(*) filter (where closed))::int as closed, (count(*) filter (where not closed))::int as censored
    from coarse group by minutes order by minutes
  `.execute(db)
  return rows
}

export interface FindingCount {
  kind: FindingKind
  severity: Severity
  open: number
  acknowledged: number
  exempted: number
  unacknowledged: number
}

/** Findings that are not resolved, by kind and severity, the most severe first. */
export async function findingCounts(db: Queryable): Promise<FindingCount[]> {
  const { rows } = await sql<FindingCount>`
    select f.kind, f.severity, (count(*) filter (where f.state = 'open'))::int as open,
      (count(*) filter (where f.state = 'acknowledged'))::int as acknowledged, (count(*) filter (where f.exempted))::int as exempted,
      (count(*) filter (where f.state = 'open' and not f.exempted))::int as unacknowledged
    from finding f where f.state <> 'resolved' group by f.kind, f.severity
    order by array_position(array['critical', 'high', 'medium', 'low', 'info'], f.severity), f.kind
  `.execute(db)
  return rows
}

export interface LatencyRow {
  /** Null: all systems together. */
  systemId: string | null
  closed: number
  medianMs: number | null
  p90Ms: number | null
  inTime: number
  late: number
  overdue: number
  running: number
}

/** From the termination to the first proven refusal, of those who left since an instant, by system and for all together. */
export async function latencies(
  db: Queryable,
  within: RevokeWithin,
  since: Temporal.Instant,
  now: Temporal.Instant,
): Promise<LatencyRow[]> {
  const { rows } = await sql<LatencyRow>`
    with held as materialized (
      select c.system_id, c.dead_at is not null and c.verdict = 'rejected' and c.verdict is not null as closed, c.first_rejected_at, ${revokeBy(within)} as revoke_by,
        greatest(0, extract(epoch from c.first_rejected_at - c.terminated_at) * 1000)::float8 as took
      from check_state c join system s on s.id = c.system_id
      left join ${heldBy(within)} k on k.id = c.credential_id
      where c.terminated_at >= ${at(since)} and c.terminated_at <= ${at(now)}
    )
    select system_id as "systemId", (count(*) filter (where closed))::int as closed,
      percentile_cont(0.5) within group (order by took) filter (where closed) as "medianMs",
      percentile_cont(0.9) within group (order by took) filter (where closed) as "p90Ms",
      (count(*) filter (where closed and first_rejected_at <= revoke_by))::int as "inTime",
      (count(*) filter (where closed and first_rejected_at > revoke_by))::int as late,
      (count(*) filter (where not closed and revoke_by < ${at(now)}))::int as overdue,
      (count(*) filter (where not closed and revoke_by >= ${at(now)}))::int as running
    from held group by grouping sets ((system_id), ())
  `.execute(db)
  return rows
}

/** Few have a date of their own: the rest is read only where rules look at it. */
function heldBy(within: RevokeWithin) {
  return within.rules === undefined
    ? sql`(select id, handover_by from credential where handover_by is not null)`
    : sql`credential`
}

/** Systems of the configuration, by name, with when their last gap began, if it lasts. */
export async function systemsNow(db: Queryable): Promise<{ ref: SystemRef; blindSince: string | null }[]> {
  const { rows } = await sql<{ ref: SystemRef; blindSince: string | null }>`
    select ${systemRef('s')} as ref, ${told(sql`g.from_at`)} as "blindSince" from system s
    left join gap g on g.system_id = s.id and g.to_at is null where s.retired_at is null order by lower(s.name) collate "C", s.id
  `.execute(db)
  return rows
}

export interface Replicas {
  alive: number
  lastBeatAt: string | null
}

/** @param since a replica that has been silent since then does not work */
export async function replicas(db: Queryable, since: Temporal.Instant): Promise<Replicas> {
  const { rows } = await sql<Replicas>`
    select (count(*) filter (where h.at >= ${at(since)}))::int as alive, ${told(sql`max(h.at)`)} as "lastBeatAt" from heartbeat h
  `.execute(db)
  return rows[0] ?? { alive: 0, lastBeatAt: null }
}

export interface LastEvent {
  id: string
  at: string
  type: 'finding' | 'operator'
  event: string
  actor: string | null
  subject: string | null
  finding: { id: string; kind: FindingKind; severity: Severity; identity: string | null; system: string | null } | null
}

/** Rows of the audit that are looked through for what was done: most are looks and sign-ins. */
const LOOKED_THROUGH = 500

/**
 * What happened last: events of findings, and what operators did to who is known, what is tried and who is told. Who looked, signed in
 * or was given access is for those who may read the audit.
 */
export async function lastEvents(db: Queryable, limit: number): Promise<LastEvent[]> {
  const { rows } = await sql<LastEvent>`
    select t.id, ${told(sql`t.at`)} as at, t.type, t.event, t.actor, t.subject,
      case when f.id is not null then json_build_object('id', f.id, 'kind', f.kind, 'severity', t.severity, 'identity', i.name, 'system', s.name) end as finding
    from (
      (select e.id, e.at, 'finding' as type, e.event, e.actor, null as subject, e.finding_id, e.severity from finding_event e
        order by e.at desc, e.id desc limit ${limit})
      union all
      (select a.id, a.at, 'operator' as type, a.action, a.actor, a.subject, null::uuid, null
        from (select * from audit order by at desc, id desc limit ${LOOKED_THROUGH}) a
        where a.action not like '%.view' and (a.action in ('pause', 'resume') or split_part(a.action, '.', 1) in (${sql.join(SHOWN.map((noun) => sql.lit(noun)))}))
        order by a.at desc, a.id desc limit ${limit})
    ) t left join finding f on f.id = t.finding_id left join identity i on i.id = f.identity_id left join system s on s.id = f.system_id
    order by t.at desc, t.id desc limit ${limit}
  `.execute(db)
  return rows
}

/** What is done to findings stands among their events. */
const SHOWN = [
  'identity',
  'identities',
  'credential',
  'credentials',
  'system',
  'exemption',
  'scan',
  'alerts',
  'delivery',
  'configuration',
]
