import { type RawBuilder, sql } from 'kysely'
import type { FindingKind, FindingState, Severity } from '../domain/finding.ts'
import type { IdentityKind } from '../domain/identity.ts'
import type { Fact } from '../domain/leaf.ts'
import type { RevokeWithin } from '../domain/policy.ts'
import type { Queryable } from './db.ts'
import { covering } from './evidence-rules.ts'
import { allowedMs as ruledMs } from './told.ts'

/** What a statement is about. */
export interface StatementScope {
  from: Temporal.Instant
  to: Temporal.Instant
  now: Temporal.Instant
  /** External id. */
  identity?: string
  /** Name. */
  system?: string
  /** From termination until access must be gone. */
  revokeWithinMs: RevokeWithin
  /** Proven refusals in a row by which a path counts as closed. */
  confirmRejections: number
}

/** Instants as the database prints them; durations in milliseconds. */
export type StatementRow = Record<string, Fact | Temporal.Instant>

/**
 * Answers the rows after the one that it is given, in the order of a key that no two rows share; fewer than `limit` at the end. None
 * after a key that the statement cannot have given. A page costs what it holds, wherever it lies: rows come by an index, in order.
 */
export type StatementPage = (
  db: Queryable,
  scope: StatementScope,
  after: string,
  limit: number,
) => Promise<(StatementRow & { key: string })[]>

/**
 * Every path of everybody who left in the period, and when it was proven closed. Somebody who held nothing that is known has one row
 * without a system. Who came back has none: they are no leavers any more.
 */
export const leavers: StatementPage = (db, scope, after, limit) =>
  byLeaver(after, (place) =>
    rowsOf(
      db,
      sql`
      select ${placed('k.id')} as key, i.external_id, i.name, i.kind, i.terminated_at as left_at, k.*
      from identity i ${scope.system === undefined ? sql`left` : sql``} join lateral (
        select k.id, s.name as system, s.tier, k.label as credential, k.principal, k.privilege,
          ${stateOf(scope)} as state, c.dead_at as closed_at, c.first_rejected_at as first_refused_at,
          ${tookMs()} as took_ms, ${allowedMs(scope)} as allowed_ms,
          case when ${stateOf(scope)} = 'retired' then null
            when ${stateOf(scope)} = 'closed' then ${tookMs()} <= ${allowedMs(scope)}
            when ${at(scope.now)} > i.terminated_at + ${allowedMs(scope)} * interval '1 millisecond' then false end as in_time,
          c.verdict as last_verdict, c.reason as last_reason, c.assurance, c.observed_at as last_checked_at, k.retired_at,
          k.retired_reason
        from credential k join system s on s.id = k.system_id left join ${CHECK} on true
        where k.identity_id = i.id and ${ofSystem(scope)} and ${place.credential} offset 0
      ) k on true
      where ${LEFT} >= ${at(scope.from)} and ${LEFT} < ${at(scope.to)} and ${ofIdentity(scope)} and ${place.identity}
        and (k.id is not null or ${place.isNew})
      order by ${LEFT}, i.id, k.id limit ${limit}`,
    ),
  )

/**
 * Time to revoke against policy, for those who left in the period: one row a system. Credentials that were taken off the list after
 * their holder had left are counted by themselves, so that nobody is in time by forgetting; those that were proven closed before count as
 * what they were.
 */
export const revocation: StatementPage = (db, scope, after, limit) =>
  rowsOf(
    db,
    sql`
    select s.name as key, s.name as system, s.tier, min(${ruledMs(scope.revokeWithinMs)})::float8 as allowed_ms,
      count(*) filter (where ${stateOf(scope)} <> 'retired')::int as credentials,
      count(*) filter (where ${stateOf(scope)} = 'closed' and ${tookMs()} <= ${allowedMs(scope)})::int as in_time,
      count(*) filter (where ${stateOf(scope)} = 'closed' and ${tookMs()} > ${allowedMs(scope)})::int as late,
      count(*) filter (where ${stateOf(scope)} = 'open')::int as still_open,
      count(*) filter (where ${stateOf(scope)} not in ('closed', 'open', 'retired'))::int as not_proven,
      count(*) filter (where ${stateOf(scope)} = 'retired')::int as retired,
      percentile_disc(0.5) within group (order by ${tookMs()}) filter (where ${stateOf(scope)} = 'closed') as median_ms,
      percentile_disc(0.95) within group (order by ${tookMs()}) filter (where ${stateOf(scope)} = 'closed') as p95_ms,
      max(${tookMs()}) filter (where ${stateOf(scope)} = 'closed') as max_ms
    from identity i join credential k on k.identity_id = i.id
    join system s on s.id = k.system_id join check_state c on c.credential_id = k.id
    where i.terminated_at >= ${at(scope.from)} and i.terminated_at < ${at(scope.to)} and ${HELD} and ${named(scope)}
      and s.name collate "C" > ${after}
    group by s.name, s.tier order by s.name collate "C" limit ${limit}`,
  )

/** Credentials of everybody who had left by the end of the period of which nothing is proven, and why; those that were taken off the
 * list before anything was proven among them. */
export const unverified: StatementPage = (db, scope, after, limit) =>
  byLeaver(after, (place) =>
    rowsOf(
      db,
      sql`
      select ${placed('k.id')} as key, i.external_id, i.name, i.kind, i.terminated_at as left_at, k.*
      from identity i join lateral (
        select k.id, s.name as system, s.tier, k.label as credential, ${stateOf(scope)} as state,
          case
            when ${stateOf(scope)} = 'expired' then 'expired_locally'
            when k.retired_at is not null then 'retired_before_proof'
            when s.retired_at is not null then 'system_retired'
            when exists (select 1 from pause p where p.scope in ('*', s.id::text)) then 'paused'
            when c.verdict = 'inconclusive' then c.reason
            when c.verdict = 'rejected' then 'awaiting_proof'
            when s.hold_until > ${at(scope.now)} then coalesce(s.hold_reason, 'held')
            else 'not_tried' end as why,
          c.judged_at as last_proof_at, c.observed_at as last_checked_at, c.attempts, c.failures,
          i.terminated_at + ${allowedMs(scope)} * interval '1 millisecond' as deadline
        from credential k join system s on s.id = k.system_id join ${CHECK} on true
        where k.identity_id = i.id and ${HELD} and ${ofSystem(scope)} and ${place.credential}
          and (${stateOf(scope)} not in ('closed', 'open', 'retired') or (k.retired_at is not null and c.dead_at is null)) offset 0
      ) k on true
      where ${LEFT} < ${at(scope.to)} and ${ofIdentity(scope)} and ${place.identity}
      order by ${LEFT}, i.id, k.id limit ${limit}`,
    ),
  )

/** Exemptions that were in force in the period: what they cover, who answers for them, who entered them. Under a filter: what covers
 * anything of the identity, at the system, whether or not it names them. */
export const exemptions: StatementPage = (db, scope, after, limit) =>
  byId(after, (last) =>
    rowsOf(
      db,
      sql`
      select e.id::text as key, e.id, e.finding_kind, i.external_id, i.name, s.name as system, k.label as credential, e.owner,
        e.created_by as signed_by, e.created_at as signed_at, e.reason, e.starts_at, e.ends_at, e.revoked_at
      from exemption e left join credential k on k.id = e.credential_id
      left join identity i on i.id = coalesce(e.identity_id, k.identity_id) left join system s on s.id = coalesce(e.system_id, k.system_id)
      where e.id > ${last}::uuid and e.starts_at < ${at(scope.to)} and least(e.ends_at, e.revoked_at) > ${at(scope.from)}
        and ${covering({ identityId: idOf('identity', 'external_id', scope.identity), systemId: idOf('system', 'name', scope.system) })}
      order by e.id limit ${limit}`,
    ),
  )

/** What operators did in Revenant in the period. Under a filter: what names the identity, the system or a finding about them. */
export const operators: StatementPage = (db, scope, after, limit) => {
  const [, time = '-infinity', id = ZERO] = after === '' ? [] : (TIME_AND_ID.exec(after) ?? [undefined])
  if (after !== '' && !TIME_AND_ID.test(after)) return Promise.resolve([])
  return rowsOf(
    db,
    sql`
    select concat(${printed(sql`a.at`)}, ' ', a.id) as key, a.at, a.actor, a.action, a.subject, a.detail
    from audit a
    where a.at >= ${at(scope.from)} and a.at < ${at(scope.to)} and (a.at, a.id) > (${time}::timestamptz, ${id}::uuid)
      and (${scope.identity === undefined && scope.system === undefined} or a.subject in (${scope.identity ?? ''}, ${scope.system ?? ''})
        or a.subject in (select f.id::text from finding f left join identity i on i.id = f.identity_id
          left join system s on s.id = f.system_id where ${named(scope)}))
    order by a.at, a.id limit ${limit}`,
  )
}

/** Findings that are open now and were opened before the end of the period, the most severe first, then the oldest. */
export const openItems: StatementPage = (db, scope, after, limit) => {
  const [, rank = '0', time = '-infinity', id = ZERO] = after === '' ? [] : (RANKED.exec(after) ?? [])
  if (after !== '' && !RANKED.test(after)) return Promise.resolve([])
  return rowsOf(
    db,
    sql`
    select concat(${RANK}, ' ', ${printed(sql`f.opened_at`)}, ' ', f.id) as key, f.id, f.kind, f.severity,
      f.state, i.external_id, i.name, s.name as system, k.label as credential, f.episode, f.opened_at, f.last_seen_at,
      i.terminated_at + ${allowedMs(scope)} * interval '1 millisecond' as deadline, f.acknowledged_by, f.exempted, s.owner
    from finding f left join identity i on i.id = f.identity_id left join credential k on k.id = f.credential_id
    left join system s on s.id = f.system_id
    where f.state <> 'resolved' and f.opened_at < ${at(scope.to)} and ${named(scope)}
      and (${RANK}, f.opened_at, f.id) > (${rank}::integer, ${time}::timestamptz, ${id}::uuid)
    order by ${RANK}, f.opened_at, f.id limit ${limit}`,
  )
}

/** When something was due and nobody tried it, and why. */
export const gaps: StatementPage = (db, scope, after, limit) =>
  byId(after, (last) =>
    rowsOf(
      db,
      sql`
      select g.id::text as key, g.id, s.name as system, g.reason, g.from_at, g.to_at, g.seen_at as last_seen_at, g.credentials
      from gap g join system s on s.id = g.system_id
      where g.id > ${last}::uuid and g.from_at < ${at(scope.to)} and (g.to_at is null or g.to_at > ${at(scope.from)}) and ${ofSystem(scope)}
        and ${scope.identity === undefined ? sql`true` : sql`s.id in (select k.system_id from credential k join identity i on i.id = k.identity_id where i.external_id = ${scope.identity})`}
      order by g.id limit ${limit}`,
    ),
  )

/** One finding with the names of what it is about. */
export interface FindingEvidence {
  key: string
  id: string
  kind: FindingKind
  severity: Severity
  state: FindingState
  episode: number
  exempted: boolean
  opened_at: Temporal.Instant
  last_seen_at: Temporal.Instant
  resolved_at: Temporal.Instant | null
  acknowledged_by: string | null
  external_id: string | null
  identity_kind: IdentityKind | null
  left_at: Temporal.Instant | null
  system: string | null
  probe: string | null
  owner: string | null
  credential: string | null
  deadline: Temporal.Instant | null
}

/** Findings that were open at some time of the period, by id. */
export async function findingEvidence(
  db: Queryable,
  scope: StatementScope,
  kinds: readonly FindingKind[] | undefined,
  after: string,
  limit: number,
): Promise<FindingEvidence[]> {
  const { rows } = await sql<FindingEvidence>`
    select f.id::text as key, f.id, f.kind, f.severity, f.state, f.episode, f.exempted, f.opened_at, f.last_seen_at, f.resolved_at,
      f.acknowledged_by, i.external_id, i.kind as identity_kind, i.terminated_at as left_at, s.name as system, s.probe, s.owner, k.label as credential,
      i.terminated_at + ${allowedMs(scope)} * interval '1 millisecond' as deadline
    from finding f left join identity i on i.id = f.identity_id left join credential k on k.id = f.credential_id
    left join system s on s.id = f.system_id
    where ${inPeriod(scope, kinds, after)} and ${named(scope)}
    order by f.id limit ${limit}
  `.execute(db)
  return rows
}

/** Of a finding, what the ids that OSCAL gives it are made from. */
export type FindingName = Pick<FindingEvidence, 'id' | 'episode'>

/** The same findings, in the same order, by no more than their names: for whoever only refers to them. */
export async function findingNames(
  db: Queryable,
  scope: StatementScope,
  kinds: readonly FindingKind[] | undefined,
  after: string,
  limit: number,
): Promise<FindingName[]> {
  const joined =
    scope.identity === undefined && scope.system === undefined
      ? sql``
      : sql`left join identity i on i.id = f.identity_id left join system s on s.id = f.system_id`
  const { rows } = await sql<FindingName>`
    select f.id, f.episode from finding f ${joined}
    where ${inPeriod(scope, kinds, after)} and ${named(scope)} order by f.id limit ${limit}
  `.execute(db)
  return rows
}

function inPeriod(scope: StatementScope, kinds: readonly FindingKind[] | undefined, after: string): RawBuilder<boolean> {
  const chosen =
    kinds === undefined ? sql`true` : sql`f.kind in (select json_array_elements_text(${JSON.stringify(kinds)}::json))`
  return sql`f.id > ${after === '' ? ZERO : after}::uuid and f.opened_at < ${at(scope.to)}
    and (f.resolved_at is null or f.resolved_at >= ${at(scope.from)}) and ${chosen}`
}

/** An instant as keys hold it: to the microsecond, as the database does. */
function printed(column: RawBuilder<unknown>): RawBuilder<string> {
  return sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
}

const ZERO = '00000000-0000-0000-0000-000000000000'
const UUID = '([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})'
const TIME = '([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z)'
const ONE_ID = new RegExp(`^${UUID}$`)
const TIME_AND_ID = new RegExp(`^${TIME} ${UUID}$`)
const RANKED = new RegExp(`^([1-5]) ${TIME} ${UUID}$`)
const LEAVER = new RegExp(`^${TIME} ${UUID} ${UUID}?$`)

/** As the index has it. */
const RANK = sql`array_position(array['critical', 'high', 'medium', 'low', 'info'], f.severity)`
/** As the index has it: whoever has not left counts as the last to leave. */
const LEFT = sql`coalesce(i.terminated_at, 'infinity')`

/** Looked up for each credential: without statistics the planner would read the whole table for each identity. */
const CHECK = sql`lateral (select * from check_state c where c.credential_id = k.id offset 0) c`

function placed(credentialId: string): RawBuilder<string> {
  return sql`concat(${printed(sql`i.terminated_at`)}, ' ', i.id, ' ', ${sql.ref(credentialId)})`
}

/** Conditions by which rows in the order of leaving come after the last row of the page before. */
interface LeaverPlace {
  /** Of identities: that of the last row among them, which may have more credentials. */
  identity: RawBuilder<boolean>
  /** Of the credentials of one. */
  credential: RawBuilder<boolean>
  /** True of an identity that the page before had not. */
  isNew: RawBuilder<boolean>
}

function byLeaver<Row>(after: string, read: (place: LeaverPlace) => Promise<Row[]>): Promise<Row[]> {
  if (after === '') return read({ identity: sql`true`, credential: sql`true`, isNew: sql`true` })
  const [whole, time, identity, credential] = LEAVER.exec(after) ?? []
  if (whole === undefined) return Promise.resolve([])
  const last = sql`(${time}::timestamptz, ${identity}::uuid)`
  const isNew = sql<boolean>`(${LEFT}, i.id) > ${last}`
  return read({
    identity: sql`(${LEFT}, i.id) >= ${last}`,
    credential: credential === undefined ? isNew : sql`(${isNew} or k.id > ${credential}::uuid)`,
    isNew,
  })
}

function byId<Row>(after: string, read: (last: string) => Promise<Row[]>): Promise<Row[]> {
  if (after !== '' && !ONE_ID.test(after)) return Promise.resolve([])
  return read(after === '' ? ZERO : after)
}

/**
 * How a credential stands, by the names of the join. Closed: as often refused in a row, with proof, as the policy asks today; what was
 * retired because of it stays closed, as it was when it was last watched. Expired: past its own date and not proven closed, which says
 * nothing of its system.
 */
function stateOf({ confirmRejections }: StatementScope): RawBuilder<string> {
  return sql`case
    when k.retired_at is not null and coalesce(k.retired_reason, 'operator') = 'operator' then 'retired'
    when k.retired_at is not null and not (c.verdict = 'rejected' and c.dead_at is not null and c.rejections >= ${confirmRejections}::integer)
      then 'expired'
    when c.verdict = 'accepted' then 'open'
    when c.verdict = 'rejected' and c.dead_at is not null and c.rejections >= ${confirmRejections}::integer then 'closed'
    when c.verdict = 'rejected' then 'refused'
    when c.verdict is null then 'not_tried'
    else 'unverified' end`
}

/** What somebody held when he left: what was taken off the list before is not a path of a leaver. */
const HELD = sql`(k.retired_at is null or k.retired_at >= i.terminated_at)`

/** From termination to the first proven refusal; an account that was closed before counts as closed at once. */
function tookMs(): RawBuilder<number | null> {
  return sql`(case when c.first_rejected_at is null then null
    else greatest(0, extract(epoch from c.first_rejected_at - i.terminated_at) * 1000) end)::float8`
}

/** An agreed handover counts instead of the policy. */
function allowedMs(scope: StatementScope): RawBuilder<number | null> {
  return sql`(case when k.id is null then null when k.handover_by is not null
    then (extract(epoch from greatest(k.handover_by, i.terminated_at) - i.terminated_at) * 1000)::float8 else ${ruledMs(scope.revokeWithinMs)} end)`
}

function named(scope: StatementScope): RawBuilder<boolean> {
  return sql`${ofIdentity(scope)} and ${ofSystem(scope)}`
}

function ofIdentity({ identity }: StatementScope): RawBuilder<boolean> {
  return identity === undefined ? sql`true` : sql`i.external_id = ${identity}`
}

function ofSystem({ system }: StatementScope): RawBuilder<boolean> {
  return system === undefined ? sql`true` : sql`s.name = ${system}`
}

function idOf(table: 'identity' | 'system', column: string, name: string | undefined): RawBuilder<string> | undefined {
  return name === undefined ? undefined : sql`(select id from ${sql.table(table)} where ${sql.ref(column)} = ${name})`
}

function at(instant: Temporal.Instant): RawBuilder<Temporal.Instant> {
  return sql`${instant.toString()}::timestamptz`
}

async function rowsOf(db: Queryable, query: RawBuilder<unknown>): Promise<(StatementRow & { key: string })[]> {
  const { rows } = await sql<StatementRow & { key: string }>`${query}`.execute(db)
  return rows
}
