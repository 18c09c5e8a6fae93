import { type RawBuilder, sql } from 'kysely'
import type { FindingKind } from '../domain/finding.ts'
import type { Check } from '../domain/framework.ts'
import type { RevokeWithin } from '../domain/policy.ts'
import type { Queryable } from './db.ts'
import { provenRefusal, wasLetIn } from './evidence-rules.ts'
import { allowedMs } from './told.ts'

export interface SummaryScope {
  from: Temporal.Instant
  to: Temporal.Instant
  identityId?: string
  systemId?: string
}

/** How the subjects of one check stood in a period. */
export interface CheckTally {
  check: Check
  /** All that there were to be tested. */
  subjects: number
  tested: number
  passed: number
  failed: number
  /** Revoked in the period, and later than the policy allows. */
  late: number
  notJudged: number
}

/** The rules that checks are judged by. */
export interface SummaryPolicy {
  /** From termination until access must be gone. */
  revokeWithinMs: RevokeWithin
  /** Proven refusals in a row by which a credential counts as closed. */
  confirmRejections: number
  /** How long a due credential may go without a judgement. */
  verifyWithinMs: number
}

/** What each check came to in a period, judged by the last answer of the period. */
export async function checkTallies(db: Queryable, scope: SummaryScope, policy: SummaryPolicy): Promise<CheckTally[]> {
  const parts = [await revocationAndCoverage(db, scope, policy), await controlTallies(db, scope), await ownership(db, scope)]
  return parts.flat()
}

/**
 * `revocation`, by the last answer of the period: an acceptance fails; a proven refusal passes where as many came in a row as the policy
 * asks, and is late where the first of them came in the period and after the deadline; everything else is not judged. What the check
 * state says counts where its streak began before the period ended; what it cannot say any more is counted from the observations.
 *
 * `coverage`: fails where the last answer of the period proved nothing, or where the credential was without a judgement beyond its time
 * at some time of the period; not judged where its system was not tried for longer than that, and it not judged meanwhile. What was retired
 * because it was proven closed counts as far as it was watched.
 */
async function revocationAndCoverage(db: Queryable, scope: SummaryScope, policy: SummaryPolicy): Promise<CheckTally[]> {
  const [from, to] = [at(scope.from), at(scope.to)]
  const { revokeWithinMs, confirmRejections, verifyWithinMs } = policy
  const { rows } = await sql<Omit<CheckTally, 'check'> & { covered: number; uncovered: number; untold: number }>`
    with held as (
      select k.id from credential k join identity i on i.id = k.identity_id left join check_state c on c.credential_id = k.id
      where i.terminated_at < ${to} and (k.retired_at is null or (k.retired_at >= ${from} and not ${RESTS_PROVEN})) and ${within(scope, 'k')}
    ), last as materialized (
      select distinct on (o.credential_id) o.credential_id as id, o.verdict, ${provenRefusal('o')} as proven from observation o
      where o.observed_at >= ${from} and o.observed_at < ${to} and ${within(scope, 'o')}
      order by o.credential_id, o.observed_at desc
    ), subject as materialized (
      select id from held union select id from last
    ), standing as (
      select u.id, k.system_id, l.verdict, l.proven, i.terminated_at, case when ${RESTS_PROVEN} then k.retired_at end as watched_until,
        case when k.handover_by is not null then greatest(k.handover_by, i.terminated_at) else i.terminated_at + ${allowedMs(revokeWithinMs)} * interval '1 millisecond' end as deadline,
        case when c.first_rejected_at < ${to} then c.first_rejected_at else streak.first end as first,
        case when c.first_rejected_at < ${to} then c.dead_at < ${to} and c.rejections >= ${confirmRejections}::integer
          else streak.refused >= ${confirmRejections}::integer end as closed
      from subject u join credential k on k.id = u.id join identity i on i.id = k.identity_id join system s on s.id = k.system_id
      left join last l on l.id = u.id left join check_state c on c.credential_id = u.id
      left join lateral (
        select min(o.observed_at) as first, count(*) as refused from observation o
        where o.credential_id = u.id and o.observed_at < ${to} and ${provenRefusal('o')} and not exists (
          select 1 from observation b where b.credential_id = u.id and b.observed_at > o.observed_at and b.observed_at < ${to} and ${wasLetIn('b')})
      ) streak on l.proven and (c.first_rejected_at is null or c.first_rejected_at >= ${to})
    ), judged as (
      select case when verdict is null then null
          when verdict = 'accepted' then 'failed'
          when proven and closed and first >= ${from} and first > deadline then 'late'
          when proven and closed then 'passed'
          else 'open' end as came,
        case when verdict is null or not (verdict = 'accepted' or proven) then 'failed'
          when ${overdue(scope)} then 'failed'
          when ${untried(scope, verifyWithinMs)} then 'untold'
          else 'passed' end as covered
      from standing
    )
    select count(*)::int as subjects, count(came)::int as tested, count(*) filter (where came = 'passed')::int as passed,
      count(*) filter (where came = 'failed')::int as failed, count(*) filter (where came = 'late')::int as late,
      count(*) filter (where came = 'open')::int as "notJudged",
      count(*) filter (where covered = 'passed')::int as covered, count(*) filter (where covered = 'failed')::int as uncovered,
      count(*) filter (where covered = 'untold')::int as untold
    from judged
  `.execute(db)
  const nothing = { subjects: 0, tested: 0, passed: 0, failed: 0, late: 0, notJudged: 0, covered: 0, uncovered: 0, untold: 0 }
  const { covered, uncovered, untold, ...revocation } = rows[0] ?? nothing
  const { subjects } = revocation
  return [
    { check: 'revocation', ...revocation },
    { check: 'coverage', subjects, tested: subjects, passed: covered, failed: uncovered, late: 0, notJudged: untold },
  ]
}

/** Retired because it was proven closed (`credential` k, `check_state` c): nothing is missed that came after its last answer. */
const RESTS_PROVEN = sql`(k.retired_at is not null and coalesce(k.retired_reason, 'operator') <> 'operator'
  and c.dead_at is not null and c.verdict = 'rejected')`

/** It was without a judgement beyond its time: by the edges of the finding that says so, or by one that an exemption keeps silent. */
function overdue({ from, to }: SummaryScope): RawBuilder<boolean> {
  return sql`exists (
    select 1 from finding f where f.credential_id = standing.id and f.kind = 'unverified_past_deadline' and (
      (f.alerted_at is null and f.opened_at < ${at(to)} and (f.resolved_at is null or f.resolved_at >= ${at(from)}))
      or exists (
        select 1 from finding_event e where e.finding_id = f.id and e.event in ('opened', 'reopened') and e.at < ${at(to)} and not exists (
          select 1 from finding_event r where r.finding_id = f.id and r.event = 'resolved' and r.sequence > e.sequence and r.at < ${at(from)}))))`
}

/** Its system had a gap of at least the time in which a judgement is due, since its holder had left, and no judgement of it fell into that. */
function untried({ from, to }: SummaryScope, verifyWithinMs: number): RawBuilder<boolean> {
  return sql`exists (
    select 1 from gap g cross join lateral (
      select greatest(g.from_at, standing.terminated_at) as began, least(g.to_at, standing.watched_until, ${at(to)}) as ended
    ) t
    where g.system_id = standing.system_id and g.from_at < ${at(to)} and (g.to_at is null or g.to_at > ${at(from)})
      and t.ended - t.began >= ${verifyWithinMs}::float8 * interval '1 millisecond'
      and not exists (select 1 from observation o where o.credential_id = standing.id and o.observed_at >= t.began and o.observed_at <= t.ended
        and (o.verdict = 'accepted' or ${provenRefusal('o')})))`
}

/** By system: one accepted decoy fails it; the last canary decides. */
async function controlTallies(db: Queryable, scope: SummaryScope): Promise<CheckTally[]> {
  const { rows } = await sql<CheckTally>`
    with asked as (
      select c.system_id, case when c.control = 'canary' then 'canary' else 'decoys' end as "check",
        case when c.control = 'canary' then (array_agg(c.verdict order by c.observed_at desc, c.id desc))[1]
          when bool_or(c.verdict = 'accepted') then 'accepted' when bool_or(c.verdict = 'rejected') then 'rejected' else 'inconclusive' end as verdict
      from control c
      where c.observed_at >= ${at(scope.from)} and c.observed_at < ${at(scope.to)} and ${ofSystem(scope, 'c')}
      group by c.system_id, c.control = 'canary', c.control
    ), by_system as (
      select system_id, "check", case when "check" = 'canary' then max(verdict)
        when bool_or(verdict = 'accepted') then 'accepted' when bool_or(verdict = 'rejected') then 'rejected' else 'inconclusive' end as verdict
      from asked group by system_id, "check"
    ), systems as (
      select count(*)::int as n from system s where (s.retired_at is null or s.retired_at >= ${at(scope.from)}) and s.created_at < ${at(scope.to)}
        and ${scope.systemId === undefined ? sql`true` : sql`s.id = ${scope.systemId}::uuid`}
        and ${scope.identityId === undefined ? sql`true` : sql`s.id in (select system_id from credential where identity_id = ${scope.identityId}::uuid)`}
    )
    select w."check", greatest((select n from systems), count(b.system_id)::int) as subjects, count(b.system_id)::int as tested,
      count(*) filter (where b.verdict = w.good)::int as passed, count(*) filter (where b.verdict = w.bad)::int as failed,
      0 as late, count(*) filter (where b.verdict = 'inconclusive')::int as "notJudged"
    from (values ('decoys', 'rejected', 'accepted'), ('canary', 'accepted', 'rejected')) as w ("check", good, bad)
    left join by_system b on b."check" = w."check"
    group by w."check" order by w."check" desc
  `.execute(db)
  return rows
}

/** Services and agents that are here: an open finding says that the owner has left; without an owner nothing can be said. */
async function ownership(db: Queryable, scope: SummaryScope): Promise<CheckTally[]> {
  const { rows } = await sql<CheckTally>`
    with all_of as (
      select i.owner_external_id is not null as owned, exists (
        select 1 from finding f where f.identity_id = i.id and f.kind = 'orphaned_identity' and f.opened_at < ${at(scope.to)}
          and (f.resolved_at is null or f.resolved_at >= ${at(scope.to)})) as orphaned
      from identity i where i.kind <> 'human' and (i.terminated_at is null or i.terminated_at >= ${at(scope.to)}) and i.created_at < ${at(scope.to)}
        and ${scope.identityId === undefined ? sql`true` : sql`i.id = ${scope.identityId}::uuid`}
        and ${scope.systemId === undefined ? sql`true` : sql`i.id in (select identity_id from credential where system_id = ${scope.systemId}::uuid)`}
    )
    select 'ownership' as "check", count(*)::int as subjects, count(*)::int as tested, count(*) filter (where owned and not orphaned)::int as passed,
      count(*) filter (where orphaned)::int as failed, 0 as late, count(*) filter (where not owned and not orphaned)::int as "notJudged"
    from all_of
  `.execute(db)
  return rows
}

export interface FindingTally {
  kind: FindingKind
  /** Episodes that began in the period: opened or reopened. */
  opened: number
  resolved: number
  /** Open at the end of the period. */
  open: number
}

/** What became of findings in a period, by kind, from their recorded edges. */
export async function findingTallies(db: Queryable, scope: SummaryScope): Promise<FindingTally[]> {
  const { rows } = await sql<FindingTally>`
    with edges as (
      select e.finding_id, e.event, e.at, e.state, f.kind,
        row_number() over (partition by e.finding_id order by e.sequence desc) as back
      from finding_event e join finding f on f.id = e.finding_id
      where e.sequence is not null and e.at < ${at(scope.to)} and ${within(scope, 'f')}
    )
    select kind, count(*) filter (where event in ('opened', 'reopened') and at >= ${at(scope.from)})::int as opened,
      count(*) filter (where event = 'resolved' and at >= ${at(scope.from)})::int as resolved,
      count(*) filter (where back = 1 and state <> 'resolved')::int as open
    from edges group by kind order by kind
  `.execute(db)
  return rows
}

export interface CoverageDay {
  /** The first instant of a span of days, UTC. */
  from: Temporal.Instant
  accepted: number
  rejected: number
  inconclusive: number
  /** Credentials that were tried. */
  credentials: number
  /** Of these, judged at least once. */
  judged: number
}

/** What was tried, by spans of `days` days counted from the beginning of the period. Spans without a try have no row. */
export async function coverageDays(db: Queryable, scope: SummaryScope, days: number): Promise<CoverageDay[]> {
  const { rows } = await sql<CoverageDay>`
    select date_bin(make_interval(days => ${days}::int), o.observed_at, ${at(scope.from)}) as "from",
      count(*) filter (where verdict = 'accepted')::int as accepted, count(*) filter (where verdict = 'rejected')::int as rejected,
      count(*) filter (where verdict = 'inconclusive')::int as inconclusive, count(distinct credential_id)::int as credentials,
      count(distinct credential_id) filter (where verdict <> 'inconclusive')::int as judged
    from observation o
    where o.observed_at >= ${at(scope.from)} and o.observed_at < ${at(scope.to)} and ${within(scope, 'o')}
    group by 1 order by 1
  `.execute(db)
  return rows
}

export interface SurvivalRow {
  /** Minutes after termination, rounded up. */
  minutes: number
  /** Credentials proven closed then. */
  closed: number
  /** Credentials last known to be accepted then, and of which nothing is proven since. */
  censored: number
}

/**
 * When the credentials of those who left in the period stopped working, for a Kaplan–Meier estimate. A closure counts at its first
 * proven refusal, hence never too early. What is not closed is censored at its last acceptance; what was never judged, at once.
 */
export async function survivalRows(db: Queryable, scope: SummaryScope): Promise<SurvivalRow[]> {
  const { rows } = await sql<SurvivalRow>`
    with ends as (
      select c.verdict = 'rejected' and c.dead_at is not null as closed, greatest(0, extract(epoch from case
          when c.verdict = 'rejected' and c.dead_at is not null then c.first_rejected_at
          else coalesce(c.accepted_at, i.terminated_at) end - i.terminated_at) / 60)::float8 as minutes
      from identity i join credential k on k.identity_id = i.id join check_state c on c.credential_id = k.id
      where i.terminated_at >= ${at(scope.from)} and i.terminated_at < ${at(scope.to)} and (k.retired_at is null or k.retired_at >= i.terminated_at) and ${within(scope, 'k')}
    ), coarse as (
      select closed, ceil(minutes / step) * step as minutes from (
        select closed, minutes, case when minutes < 360 then 1 when minutes < 4320 then 10 when minutes < 86400 then 60 else 1440 end as step from ends
      ) e
    )
    select minutes, count(*) filter (where closed)::int as closed, count(*) filter (where not closed)::int as censored
    from coarse group by minutes order by minutes
  `.execute(db)
  return rows
}

function within({ identityId, systemId }: SummaryScope, table: string): RawBuilder<boolean> {
  const identity = identityId === undefined ? sql`true` : sql`${sql.ref(`${table}.identity_id`)} = ${identityId}::uuid`
  return sql`${identity} and ${systemId === undefined ? sql`true` : sql`${sql.ref(`${table}.system_id`)} = ${systemId}::uuid`}`
}

function ofSystem({ identityId, systemId }: SummaryScope, table: string): RawBuilder<boolean> {
  const column = sql.ref(`${table}.system_id`)
  const one = systemId === undefined ? sql`true` : sql`${column} = ${systemId}::uuid`
  return identityId === undefined
    ? sql`${one}`
    : sql`${one} and ${column} in (select system_id from credential where identity_id = ${identityId}::uuid)`
}

function at(instant: Temporal.Instant): RawBuilder<Temporal.Instant> {
  return sql`${instant.toString()}::timestamptz`
}
