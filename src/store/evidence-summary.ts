import { type RawBuilder, sql } from 'kysely'
import type { FindingKind } from '../domain/finding.ts'
import type { Check } from '../domain/framework.ts'
import type { Queryable } from './db.ts'

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
  notJudged: number
}

/** What each check came to in a period, judged by the last answer of the period. */
export async function checkTallies(db: Queryable, scope: SummaryScope): Promise<CheckTally[]> {
  const parts = [await revocationAndCoverage(db, scope), await controlTallies(db, scope), await ownership(db, scope)]
  return parts.flat()
}

/** By the last observation of each credential: a proven refusal passes, an acceptance fails, everything else is not judged. */
async function revocationAndCoverage(db: Queryable, scope: SummaryScope): Promise<CheckTally[]> {
  const { rows } = await sql<Omit<CheckTally, 'check'>>`
    with held as (
      select k.id from credential k join identity i on i.id = k.identity_id
      where i.terminated_at < ${at(scope.to)} and (k.retired_at is null or k.retired_at >= ${at(scope.from)}) and ${within(scope, 'k')}
    ), last as (
      select distinct on (o.credential_id) o.credential_id, o.verdict, o.strength, o.assurance from observation o
      where o.observed_at >= ${at(scope.from)} and o.observed_at < ${at(scope.to)} and ${within(scope, 'o')}
      order by o.credential_id, o.observed_at desc
    ), judged as (
      select case when verdict = 'accepted' then 'failed'
        when verdict = 'rejected' and assurance <> 'none' and (strength = 'strong' or assurance = 'controlled') then 'passed'
        else 'open' end as came from last
    )
    select (select count(*)::int from (select id from held union select credential_id from last) u) as subjects, count(*)::int as tested,
      count(*) filter (where came = 'passed')::int as passed, count(*) filter (where came = 'failed')::int as failed,
      count(*) filter (where came = 'open')::int as "notJudged"
    from judged
  `.execute(db)
  const row = rows[0] ?? { subjects: 0, tested: 0, passed: 0, failed: 0, notJudged: 0 }
  const judged = row.passed + row.failed
  return [
    { check: 'revocation', ...row },
    {
      check: 'coverage',
      subjects: row.subjects,
      tested: row.subjects,
      passed: judged,
      failed: row.subjects - judged,
      notJudged: 0,
    },
  ]
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
      count(*) filter (where b.verdict = 'inconclusive')::int as "notJudged"
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
      count(*) filter (where orphaned)::int as failed, count(*) filter (where not owned and not orphaned)::int as "notJudged"
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
