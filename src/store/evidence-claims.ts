import { type RawBuilder, type Selectable, sql } from 'kysely'
import type { FindingEventFields } from '../domain/facts/finding-event.ts'
import type { FindingEvent } from '../domain/finding.ts'
import type { Reason } from '../domain/reason.ts'
import type { Verdict } from '../domain/verdict.ts'
import type { Queryable } from './db.ts'
import { provenRefusal, wasLetIn } from './evidence-rules.ts'
import type { FindingTable } from './tables.ts'

/** Whose rows are looked at: all, or those of an identity, of a system. */
export interface ClaimFilter {
  identityId?: string
  systemId?: string
}

/**
 * What a check state says, and which stored observations of its credential say the same. Ids are null where there is none. Instants
 * are compared in the database, which keeps them as finely as they were written.
 */
export interface CheckClaim {
  id: string
  verdict: Verdict | null
  reason: Reason | null
  rejections: number
  observed_at: Temporal.Instant | null
  judged_at: Temporal.Instant | null
  accepted_at: Temporal.Instant | null
  first_rejected_at: Temporal.Instant | null
  dead_at: Temporal.Instant | null
  retired_at: Temporal.Instant | null
  last_id: string | null
  judged_id: string | null
  accepted_id: string | null
  first_id: string | null
  dead_id: string | null
  /** Proven refusals from the first of the streak to the last answer. */
  refused: number
  /** Answers by which it was let in in this time: then it is no streak. The newest ones, like the next two. */
  let_in: string[] | null
  /** Acceptances after the one that it says was the last, up to the last answer. */
  accepted_later: string[] | null
  /** Answers that were observed later than the last one that it knows, but for those that could not move it. */
  later: string[] | null
}

const NEWEST = 20

/** An answer on its way when the credential was retired or asked for anew moves no check state. A trial may take half a day. */
const ON_ITS_WAY = sql.raw(`interval '1 day'`)

/**
 * The check states of those who left, by credential after `after`, beside what the stored observations say. Observations before
 * `horizon` may be gone: they are not asked.
 */
export async function checkClaims(
  db: Queryable,
  { identityId, systemId }: ClaimFilter,
  horizon: Temporal.Instant | undefined,
  now: Temporal.Instant,
  after: string,
  limit: number,
): Promise<CheckClaim[]> {
  const since = horizon === undefined ? sql`'-infinity'::timestamptz` : at(horizon)
  const { rows } = await sql<CheckClaim>`
    with c as materialized (
      select c.*, k.retired_at, k.identity_id from check_state c join credential k on k.id = c.credential_id
      join identity i on i.id = k.identity_id
      where c.credential_id > ${after === '' ? ZERO : after}::uuid and i.terminated_at <= ${at(now)}
        and ${identityId === undefined ? sql`true` : sql`k.identity_id = ${identityId}::uuid`}
        and ${systemId === undefined ? sql`true` : sql`c.system_id = ${systemId}::uuid`}
      order by c.credential_id limit ${limit}
    )
    select c.credential_id as id, c.verdict, c.reason, c.rejections, c.observed_at, c.judged_at, c.accepted_at, c.first_rejected_at,
      c.dead_at, c.retired_at, seen.*
    from c cross join lateral (
      select
        (array_agg(o.id) filter (where mine and o.observed_at = c.observed_at and o.verdict = c.verdict and o.reason = c.reason
          and o.strength = c.strength and o.assurance = c.assurance))[1] as last_id,
        (array_agg(o.id) filter (where mine and o.observed_at = c.judged_at and (o.verdict = 'accepted' or o.proven)))[1] as judged_id,
        (array_agg(o.id) filter (where mine and o.observed_at = c.accepted_at and o.verdict = 'accepted'))[1] as accepted_id,
        (array_agg(o.id) filter (where mine and o.observed_at = c.first_rejected_at and o.proven))[1] as first_id,
        (array_agg(o.id) filter (where mine and o.observed_at = c.dead_at and o.proven))[1] as dead_id,
        count(*) filter (where o.proven and o.observed_at between c.first_rejected_at and c.observed_at)::int as refused,
        (array_agg(o.id order by o.observed_at desc) filter (where o.let_in
          and o.observed_at > c.first_rejected_at and o.observed_at <= c.observed_at))[1:${sql.lit(NEWEST)}] as let_in,
        (array_agg(o.id order by o.observed_at desc) filter (where o.verdict = 'accepted'
          and o.observed_at > c.accepted_at and o.observed_at <= c.observed_at))[1:${sql.lit(NEWEST)}] as accepted_later,
        (array_agg(o.id order by o.observed_at desc) filter (where o.observed_at > c.observed_at
          and (c.retired_at is null or o.observed_at < c.retired_at - ${ON_ITS_WAY})
          and (c.due_at is null or c.due_at > ${at(now)} or o.observed_at < c.due_at - ${ON_ITS_WAY})))[1:${sql.lit(NEWEST)}] as later
      from (
        select b.*, ${provenRefusal('b')} as proven, ${wasLetIn('b')} as let_in,
          b.identity_id = c.identity_id and b.system_id = c.system_id as mine
        from observation b
        where b.credential_id = c.credential_id
          and b.observed_at >= greatest(${since}, least(c.observed_at, c.judged_at, c.accepted_at, c.first_rejected_at, c.dead_at))
      ) o
    ) seen
    order by c.credential_id
  `.execute(db)
  return rows
}

/** What a finding says, and the edges that its history begins and ends with. */
export interface FindingClaim extends Selectable<FindingTable> {
  /** Numbered; null where nobody was ever told. */
  first: LoggedEvent | null
  last: LoggedEvent | null
  /** Acknowledged by the person that it names. */
  acknowledged: boolean
  /** Edges that ended an episode, but for the last edge. */
  ended: number
  /** There is an exemption that covers it. */
  covered: boolean
  /** `opened_at` and `resolved_at`, cut to milliseconds like events. */
  opened_ms: number
  resolved_ms: number | null
}

/** A stored event, as JSON gives it. */
export type LoggedEvent = Omit<FindingEventFields, 'at' | 'event'> & { event: FindingEvent; at_ms: number }

/** Findings by id after `after`, each with its history's ends. */
export async function findingClaims(
  db: Queryable,
  { identityId, systemId }: ClaimFilter,
  after: string,
  limit: number,
): Promise<FindingClaim[]> {
  const edge = (order: RawBuilder<unknown>) => sql`(
    select to_jsonb(e) || jsonb_build_object('at_ms', floor(extract(epoch from e.at) * 1000)) from finding_event e
    where e.finding_id = f.id and e.sequence is not null order by e.sequence ${order} limit 1)`
  const { rows } = await sql<FindingClaim>`
    select f.*, ${edge(sql`asc`)} as first, ${edge(sql`desc`)} as last,
      floor(extract(epoch from f.opened_at) * 1000)::float8 as opened_ms,
      floor(extract(epoch from f.resolved_at) * 1000)::float8 as resolved_ms,
      exists (select 1 from finding_event e where e.finding_id = f.id and e.event = 'acknowledged' and e.actor = f.acknowledged_by)
        as acknowledged,
      (select count(*)::int from finding_event e where e.finding_id = f.id and e.state = 'resolved' and e.sequence < f.sequence) as ended,
      exists (select 1 from exemption x where (x.credential_id is null or x.credential_id = f.credential_id)
        and (x.identity_id is null or x.identity_id = f.identity_id) and (x.system_id is null or x.system_id = f.system_id)) as covered
    from finding f
    where f.id > ${after === '' ? ZERO : after}::uuid
      and ${identityId === undefined ? sql`true` : sql`f.identity_id = ${identityId}::uuid`}
      and ${systemId === undefined ? sql`true` : sql`f.system_id = ${systemId}::uuid`}
    order by f.id limit ${limit}
  `.execute(db)
  return rows
}

/** Where the log has the entries of these rows: the digests, hex, and the place; null while it waits to be sequenced. */
export async function loggedDigests(
  db: Queryable,
  ids: readonly string[],
): Promise<Map<string, { digest: string; index: number | null }[]>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<{ ref: string; digest: string; index: number | null }>`
    with asked as materialized (select json_array_elements_text(${JSON.stringify(ids)}::json)::uuid as ref)
    select e.ref, encode(e.digest, 'hex') as digest, e.index::float8 as index from asked join ledger_entry e on e.ref = asked.ref
    union all
    select u.ref, encode(u.digest, 'hex'), null from ledger_outbox o cross join lateral unnest(o.refs, o.digests) as u (ref, digest)
    where u.ref in (select ref from asked)
  `.execute(db)
  const found = new Map<string, { digest: string; index: number | null }[]>()
  for (const { ref, digest, index } of rows) found.set(ref, [...(found.get(ref) ?? []), { digest, index }])
  return found
}

const ZERO = '00000000-0000-0000-0000-000000000000'

function at(instant: Temporal.Instant): RawBuilder<Temporal.Instant> {
  return sql`${instant.toString()}::timestamptz`
}
