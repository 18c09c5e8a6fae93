import { sql } from 'kysely'
import type { Reason } from '../domain/reason.ts'
import type { Queryable } from './db.ts'

/** Whose credentials are to be tried at once. */
export type ScanScope = { identityId: string } | { credentialId: string } | { systemId: string }

/** The identity or credential of a scope, as far as it decides whether anything of it is tried. */
export interface ScanSubject {
  /** As the audit calls it: an external id, a credential's id, a system's name. */
  name: string
  /** Of the identity; null: it is here. Undefined for a system. */
  terminatedAt: Temporal.Instant | null | undefined
  /** Of the credential or the system. */
  retiredAt: Temporal.Instant | null
}

/** Undefined where there is no such thing. */
export async function scanSubject(db: Queryable, scope: ScanScope): Promise<ScanSubject | undefined> {
  if ('systemId' in scope) {
    const row = await db.selectFrom('system').select(['name', 'retired_at']).where('id', '=', scope.systemId).executeTakeFirst()
    return row === undefined ? undefined : { name: row.name, terminatedAt: undefined, retiredAt: row.retired_at }
  }
  if ('identityId' in scope) {
    const row = await db
      .selectFrom('identity')
      .select(['external_id', 'terminated_at'])
      .where('id', '=', scope.identityId)
      .executeTakeFirst()
    return row === undefined ? undefined : { name: row.external_id, terminatedAt: row.terminated_at, retiredAt: null }
  }
  const row = await db
    .selectFrom('credential as k')
    .innerJoin('identity as i', 'i.id', 'k.identity_id')
    .select(['k.id', 'k.retired_at', 'i.terminated_at'])
    .where('k.id', '=', scope.credentialId)
    .executeTakeFirst()
  return row === undefined ? undefined : { name: row.id, terminatedAt: row.terminated_at, retiredAt: row.retired_at }
}

/** How many wrong tries an account of a system may suffer, and with which others it shares them. */
export interface SystemBudget {
  systemId: string
  realm: string
  count: number
}

/**
 * How credentials were found: `moved` is due now and was not; `left` is one too many for one scan; `due` was already; `second_proof` waits for the refusal that completes a
 * proof, whose pause is part of it; `lockout_budget` must not be tried, or its account could be locked; `rebind` would be sent to another
 * address than it was registered for.
 */
export type FoundAs = 'moved' | 'left' | 'due' | 'second_proof' | 'lockout_budget' | 'rebind'

export interface Found {
  systemId: string
  as: FoundAs
  count: number
  /** When the last of them is tried by itself. */
  until: Temporal.Instant
}

/**
 * Makes the checked credentials of a scope due at `at`, but for those that must wait; answers how many were found how, by system. Only
 * leavers' credentials are checked at all. What a running trial has read keeps its instant, so that its answer still counts.
 *
 * @param limit how many are moved, those not proven dead first, then those that are due soonest: who leaves next is tried behind them
 */
export async function makeDue(
  tx: Queryable,
  scope: ScanScope,
  at: Temporal.Instant,
  budgets: readonly SystemBudget[],
  limit: number,
): Promise<Found[]> {
  const now = sql`${at.toString()}::timestamptz`
  const { rows } = await sql<Found>`
    with budget as (
      select * from json_to_recordset(${JSON.stringify(budgets)}::json) as b ("systemId" uuid, realm text, count integer)
    ), sorted as (
      select c.credential_id, c.system_id, c.due_at, c.dead_at,
        case
          when s.origin <> s.bound_origin then 'rebind'
          when c.due_at <= ${now} then 'due'
          when c.verdict = 'rejected' and c.rejections > 0 and c.dead_at is null then 'second_proof'
          when c.verdict = 'inconclusive' and c.reason in ('budget_exhausted', 'account_locked', 'account_disabled_or_locked')
            then 'lockout_budget'
          when k.principal is not null and exists (
            select 1 from budget b join lockout_budget l on l.realm = b.realm
            where b."systemId" = c.system_id and lower(l.account) = lower(k.principal)
              and (l.locked_until > ${now} or (l.window_ends_at > ${now} and l.tries >= b.count))
          ) then 'lockout_budget'
          else 'moved'
        end as "as"
      from check_state c
      join credential k on k.id = c.credential_id
      join identity i on i.id = k.identity_id
      join system s on s.id = c.system_id
      where ${within(scope)} and c.due_at is not null and k.retired_at is null and i.terminated_at <= ${now} and s.retired_at is null
    ), asked as materialized (
      select credential_id, system_id, due_at,
        case when "as" = 'moved' and row_number() over (partition by "as" order by dead_at is not null, due_at, credential_id) > ${limit}
          then 'left' else "as" end as "as"
      from sorted
    ), moved as (
      update check_state c set due_at = ${now} from asked a
      where a.credential_id = c.credential_id and a."as" = 'moved' and c.due_at = a.due_at
    )
    select system_id as "systemId", "as", count(*)::int as count, max(due_at) as until from asked group by 1, 2 order by 1, 2
  `.execute(tx)
  return rows
}

function within(scope: ScanScope) {
  if ('systemId' in scope) return sql`c.system_id = ${scope.systemId}::uuid`
  if ('identityId' in scope) return sql`k.identity_id = ${scope.identityId}::uuid`
  return sql`c.credential_id = ${scope.credentialId}::uuid`
}

/** A system of a scope, and what keeps trials away from it. */
export interface ScanSystemRow {
  id: string
  name: string
  zone: string
  /** Of those credentials of the scope that are due. */
  shards: number[]
  due: number
  paused: boolean
  holdUntil: Temporal.Instant | null
  holdReason: Reason | null
  /** When the window of its own schedule opens; null without a schedule. */
  windowAt: Temporal.Instant | null
}

/** The systems that have credentials of a scope due. */
export async function dueIn(tx: Queryable, scope: ScanScope, at: Temporal.Instant): Promise<ScanSystemRow[]> {
  const now = sql`${at.toString()}::timestamptz`
  const { rows } = await sql<Omit<ScanSystemRow, 'shards'> & { shards: string }>`
    with due as (
      select c.system_id, array_to_json(array_agg(distinct (c.slot % s.shards)))::text as shards, count(*)::int as due
      from check_state c join system s on s.id = c.system_id
      ${'identityId' in scope ? sql`join credential k on k.id = c.credential_id` : sql``}
      where ${within(scope)} and c.due_at <= ${now} and s.retired_at is null
      group by c.system_id
    )
    select s.id, s.name, s.zone, due.shards, due.due,
      exists (select 1 from pause p where p.scope in ('*', s.id::text)) as paused,
      s.hold_until as "holdUntil", s.hold_reason as "holdReason",
      case when s.schedule is not null then s.schedule_due_at end as "windowAt"
    from due join system s on s.id = due.system_id
    order by s.name
  `.execute(tx)
  return rows.map(({ shards, ...row }) => ({ ...row, shards: parseShards(shards) }))
}

function parseShards(text: string): number[] {
  return text.slice(1, -1).split(',').map(Number)
}
