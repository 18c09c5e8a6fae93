import { type RawBuilder, sql } from 'kysely'
import type { IdentityKind } from '../domain/identity.ts'
import type { PolicyWhen, RevokeWithin } from '../domain/policy.ts'
import type { Reason } from '../domain/reason.ts'
import type { Standing } from '../domain/standing.ts'
import type { Tier } from '../domain/system.ts'
import type { Assurance, Strength, Verdict } from '../domain/verdict.ts'
import { allOf, oneOf } from './keyset.ts'

/**
 * Parts of statements whose rows are told to people and programs as they are: instants are text (RFC 3339, UTC, to the microsecond),
 * what belongs together is an object.
 */

export interface IdentityRef {
  id: string
  externalId: string
  kind: IdentityKind
  name: string
  terminatedAt: string | null
}

export interface SystemRef {
  id: string
  name: string
  tier: Tier
  owner: string | null
}

export interface CredentialRef {
  id: string
  label: string
  kind: string
  fingerprint: string
}

export interface LastAnswer {
  verdict: Verdict | null
  reason: Reason | null
  strength: Strength | null
  assurance: Assurance | null
  observedAt: string | null
}

export interface Deadline {
  revokeBy: string
  state: 'in_time' | 'late' | 'running' | 'overdue'
  closedAt: string | null
}

/** An instant as RFC 3339 text. */
export function told(instant: RawBuilder<unknown>): RawBuilder<string> {
  return sql`to_char(${instant} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
}

/** An instant as the database takes it. */
export function at(instant: Temporal.Instant): RawBuilder<Temporal.Instant> {
  return sql`${instant.toString()}::timestamptz`
}

/** @param of the table's name in the statement; null where its join found nothing */
export function identityRef(of: string): RawBuilder<IdentityRef> {
  const column = columnsOf(of)
  return sql`case when ${column('id')} is null then null else json_build_object('id', ${column('id')}, 'externalId', ${column('external_id')},
    'kind', ${column('kind')}, 'name', ${column('name')}, 'terminatedAt', ${told(column('terminated_at'))}) end`
}

export function systemRef(of: string): RawBuilder<SystemRef> {
  const column = columnsOf(of)
  return sql`case when ${column('id')} is null then null else json_build_object('id', ${column('id')}, 'name', ${column('name')},
    'tier', ${column('tier')}, 'owner', ${column('owner')}) end`
}

export function credentialRef(of: string): RawBuilder<CredentialRef> {
  const column = columnsOf(of)
  return sql`case when ${column('id')} is null then null else json_build_object('id', ${column('id')}, 'label', ${column('label')},
    'kind', ${column('kind')}, 'fingerprint', ${column('fingerprint')}) end`
}

function columnsOf(table: string): (name: string) => RawBuilder<unknown> {
  return (name) => sql`${sql.ref(`${table}.${name}`)}`
}

/** Accepted, and nothing proven since: `check_state` as `c`. An index answers it. */
export const OPEN = sql<boolean>`(c.accepted_at is not null and c.first_rejected_at is null)`
/** Not proven closed, or not any more: `check_state` as `c`. An index answers it. */
export const LOOSE = sql<boolean>`(c.due_at is not null and (c.verdict is null or c.verdict <> 'rejected' or c.dead_at is null))`

/** Of a check state `c`, retired credentials apart: those look as if they rested. */
export function checkStanding(now: Temporal.Instant): RawBuilder<Exclude<Standing, 'retired'>> {
  return sql`case when c.terminated_at is null or c.terminated_at > ${at(now)} then 'resting'
    when ${OPEN} then 'open' when c.dead_at is not null and c.verdict = 'rejected' then 'closed' when c.verdict is null then 'not_tried'
    when c.verdict = 'inconclusive' then 'unverified' else 'refused' end`
}

/** Of a credential `k` with its check state `c`. */
export function standingOf(now: Temporal.Instant): RawBuilder<Standing> {
  return sql`case when k.retired_at is not null then 'retired' else ${checkStanding(now)} end`
}

/** The columns of `LastAnswer`, of a check state `c`. */
export const LAST_ANSWER = sql`c.verdict, c.reason, c.strength, c.assurance, ${told(sql`c.observed_at`)} as "observedAt"`

/** What the policy allows a credential `k` of a system `s`, in milliseconds. `withinMs` of src/domain/policy.ts says the same. */
export function allowedMs(within: RevokeWithin): RawBuilder<number> {
  const rules = (within.rules ?? []).map(({ when, ms }) => sql`when ${fits(when)} then ${ms}::float8`)
  return sql`(case ${sql.join(rules, sql` `)} when s.tier = 'critical' then ${within.critical}::float8
    when s.tier = 'low' then ${within.low}::float8 else ${within.standard}::float8 end)`
}

function fits({ tiers, systems, identityKinds, privileges, credentialKinds }: PolicyWhen): RawBuilder<boolean> {
  return allOf([
    oneOf(sql`s.tier`, tiers),
    oneOf(sql`s.name`, systems),
    oneOf(sql`(select r.kind from identity r where r.id = k.identity_id)`, identityKinds),
    oneOf(sql`k.privilege`, privileges),
    oneOf(sql`k.kind`, credentialKinds),
  ])
}

/**
 * When a credential `k` with its check state `c` had to be closed at a system `s`. An agreed handover counts instead of the policy, and
 * never before the departure.
 */
export function revokeBy(within: RevokeWithin): RawBuilder<Temporal.Instant> {
  return sql`case when k.handover_by is not null then greatest(k.handover_by, c.terminated_at)
    else c.terminated_at + ${allowedMs(within)} * interval '1 millisecond' end`
}

/** Null where nothing has to be closed: the identity is here, or the credential retired. */
export function deadlineOf(within: RevokeWithin, now: Temporal.Instant): RawBuilder<Deadline | null> {
  const by = revokeBy(within)
  const closed = sql`(c.dead_at is not null and c.verdict = 'rejected')`
  return sql`case when c.terminated_at is not null and k.retired_at is null then json_build_object('revokeBy', ${told(by)},
    'state', case when ${closed} then case when c.first_rejected_at <= ${by} then 'in_time' else 'late' end
      when ${by} < ${at(now)} then 'overdue' else 'running' end,
    'closedAt', case when ${closed} then ${told(sql`c.first_rejected_at`)} end) end`
}

/** How many credentials stand how, of a set of rows that have a `standing`. */
export const STANDING_COUNTS = sql<Record<Standing, number>>`json_build_object(
  'open', count(*) filter (where standing = 'open'), 'unverified', count(*) filter (where standing = 'unverified'),
  'not_tried', count(*) filter (where standing = 'not_tried'), 'refused', count(*) filter (where standing = 'refused'),
  'closed', count(*) filter (where standing = 'closed'), 'retired', count(*) filter (where standing = 'retired'),
  'resting', count(*) filter (where standing = 'resting'))`

/** Severities in rising order, as a number: `finding_severity` and `finding_unresolved` are indexes on it. */
export function severityRank(severity: RawBuilder<unknown>): RawBuilder<number> {
  return sql`array_position(array['info', 'low', 'medium', 'high', 'critical'], ${severity})`
}

/** The most severe of a set of findings `f`. */
export const WORST = sql`(array['info', 'low', 'medium', 'high', 'critical'])[max(${severityRank(sql`f.severity`)})]`

/** The columns of an entry of the log about a row: the first one, where it has several. */
export function ledgerPlace(ref: RawBuilder<unknown>): RawBuilder<{ index: number; at: string } | null> {
  return sql`(select json_build_object('index', l.index, 'at', ${told(sql`l.at`)}) from ledger_entry l where l.ref = ${ref} order by l.index limit 1)`
}
