import { type RawBuilder, sql } from 'kysely'
import type { Control } from '../domain/control.ts'
import type { Severity } from '../domain/finding.ts'
import type { GapReason } from '../domain/gap.ts'
import type { Reason } from '../domain/reason.ts'
import type { Tier } from '../domain/system.ts'
import type { Assurance, Verdict } from '../domain/verdict.ts'
import type { Queryable } from './db.ts'
import { allOf, beginsWith, type Keyset, keyset, oneOf, type PageAsk, type SortKeys } from './keyset.ts'
import { at, type SystemRef, told, WORST } from './told.ts'

export const SYSTEM_SORTS = {
  name: [
    { column: sql`(lower(s.name) collate "C")`, type: 'text' },
    { column: sql`s.id`, type: 'uuid' },
  ],
} as const satisfies Record<string, SortKeys>

export type SystemState = 'retired' | 'paused' | 'rebind' | 'open' | 'blind' | 'held' | 'untried' | 'active'

export interface SystemFilter {
  state?: readonly SystemState[] | undefined
  tier?: readonly Tier[] | undefined
  zone?: string | undefined
  probe?: string | undefined
  /** Beginning of its name, whatever its case. */
  q?: string | undefined
}

export interface ToldSystem extends SystemRef {
  state: SystemState
  probe: string
  origin: string
  boundOrigin: string
  zone: string
  pause: { at: string; by: string; note: string } | null
  hold: { until: string; reason: Reason | null } | null
  breakerFailures: number
  schedule: { expression: string; nextAt: string | null } | null
  controls: {
    at: string
    validUntil: string
    assurance: Assurance
    answers: { control: Control; verdict: Verdict; reason: Reason; at: string }[]
  } | null
  findings: { unresolved: number; worst: Severity | null }
  blindSince: string | null
  lastTrialAt: string | null
  pinnedPeer: string | null
  retiredAt: string | null
  createdAt: string
}

export async function systemPage(
  db: Queryable,
  filter: SystemFilter,
  ask: PageAsk<keyof typeof SYSTEM_SORTS>,
  now: Temporal.Instant,
): Promise<(ToldSystem & { keys: string[] })[]> {
  const { past, order, keys } = keyset(SYSTEM_SORTS, ask)
  const { state, tier, zone, probe, q } = filter
  const wanted = allOf([
    oneOf(stateOf(now), state),
    oneOf(sql`s.tier`, tier),
    zone === undefined ? undefined : sql`s.zone = ${zone}`,
    probe === undefined ? undefined : sql`s.probe = ${probe}`,
    q === undefined ? undefined : beginsWith(sql`s.name`, q),
    past,
  ])
  return tell(db, sql`select s.id from system s where ${wanted} order by ${order} limit ${ask.limit}`, { order, keys }, now)
}

/** One system; undefined where there is none of this id. */
export async function toldSystem(db: Queryable, id: string, now: Temporal.Instant): Promise<ToldSystem | undefined> {
  const page = sql`select s.id from system s where s.id = ${id}::uuid`
  const [row] = await tell(db, page, { order: sql`s.id`, keys: sql`null` }, now)
  if (row === undefined) return undefined
  const { keys: _, ...system } = row
  return system
}

/** The id of the system of this id or name; undefined where there is none. */
export async function systemIdOf(db: Queryable, named: string): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`select id from system where id::text = ${named} or name = ${named} limit 1`.execute(
    db,
  )
  return rows[0]?.id
}

function stateOf(now: Temporal.Instant): RawBuilder<SystemState> {
  const found = (kind: string) =>
    sql`exists (select 1 from finding f where f.system_id = s.id and f.kind = ${sql.lit(kind)} and f.state <> 'resolved')`
  return sql`case when s.retired_at is not null then 'retired'
    when exists (select 1 from pause u where u.scope in ('*', s.id::text)) then 'paused'
    when s.origin <> s.bound_origin then 'rebind' when ${found('open_system')} then 'open' when ${found('blind_system')} then 'blind'
    when s.hold_until > ${at(now)} then 'held' when s.controls is null then 'untried' else 'active' end`
}

async function tell(
  db: Queryable,
  page: RawBuilder<unknown>,
  { order, keys }: Pick<Keyset, 'order' | 'keys'>,
  now: Temporal.Instant,
): Promise<(ToldSystem & { keys: string[] })[]> {
  const { rows } = await sql<ToldSystem & { keys: string[] }>`
    with page as materialized (${page})
    select s.id, s.name, s.tier, s.owner, ${stateOf(now)} as state, s.probe, s.origin, s.bound_origin as "boundOrigin", s.zone,
      (select json_build_object('at', ${told(sql`u.paused_at`)}, 'by', u.paused_by, 'note', u.note) from pause u
        where u.scope in ('*', s.id::text) order by u.scope = '*' limit 1) as pause,
      case when s.hold_until > ${at(now)} then json_build_object('until', ${told(sql`s.hold_until`)}, 'reason', s.hold_reason) end as hold,
      s.breaker_failures as "breakerFailures",
      case when s.schedule is not null then json_build_object('expression', s.schedule, 'nextAt', ${told(sql`s.schedule_due_at`)}) end as schedule,
      case when s.controls is not null then json_build_object('at', s.controls ->> 'at', 'validUntil', s.controls ->> 'validUntil',
        'assurance', s.controls ->> 'assurance', 'answers', s.controls -> 'controls') end as controls,
      (select json_build_object('unresolved', count(*), 'worst', ${WORST}) from finding f
        where f.system_id = s.id and f.state <> 'resolved') as findings,
      (select ${told(sql`g.from_at`)} from gap g where g.system_id = s.id and g.to_at is null) as "blindSince",
      (select ${told(sql`t.started_at`)} from trial t where t.system_id = s.id order by t.started_at desc limit 1) as "lastTrialAt",
      s.pinned_peer as "pinnedPeer", ${told(sql`s.retired_at`)} as "retiredAt", ${told(sql`s.created_at`)} as "createdAt", ${keys} as keys
    from page p join system s on s.id = p.id
    order by ${order}
  `.execute(db)
  return rows
}

export interface ToldGap {
  reason: GapReason
  from: string
  to: string | null
  credentials: number
}

/** When what was due at a system was not tried, the newest first. */
export async function gapsOf(db: Queryable, systemId: string, limit: number): Promise<ToldGap[]> {
  const { rows } = await sql<ToldGap>`
    select g.reason, ${told(sql`g.from_at`)} as from, ${told(sql`g.to_at`)} as to, g.credentials from gap g
    where g.system_id = ${systemId}::uuid order by g.from_at desc, g.id desc limit ${limit}
  `.execute(db)
  return rows
}

export interface BudgetSpent {
  accounts: number
  mostSpent: number
  exhausted: number
  locked: number
  nextFreeAt: string | null
}

/** What the accounts of a realm have spent of their wrong tries. @param limit how many one may have in a window */
export async function budgetSpent(db: Queryable, realm: string, limit: number, now: Temporal.Instant): Promise<BudgetSpent> {
  const { rows } = await sql<BudgetSpent>`
    with b as (
      select tries, window_ends_at, locked_until, window_ends_at > ${at(now)} and tries > 0 as spent,
        window_ends_at > ${at(now)} and tries >= ${limit} as exhausted, coalesce(locked_until > ${at(now)}, false) as locked
      from lockout_budget where realm = ${realm}
    )
    select (count(*) filter (where spent))::int as accounts, coalesce(max(tries) filter (where spent), 0) as "mostSpent",
      (count(*) filter (where exhausted))::int as exhausted, (count(*) filter (where locked))::int as locked,
      ${told(sql`min(greatest(case when exhausted then window_ends_at end, case when locked then locked_until end)) filter (where exhausted or locked)`)} as "nextFreeAt"
    from b
  `.execute(db)
  return rows[0] ?? { accounts: 0, mostSpent: 0, exhausted: 0, locked: 0, nextFreeAt: null }
}
