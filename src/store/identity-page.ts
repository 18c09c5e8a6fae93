import { type RawBuilder, sql } from 'kysely'
import type { FindingKind, FindingState, Severity } from '../domain/finding.ts'
import type { IdentityKind } from '../domain/identity.ts'
import type { RevokeWithin } from '../domain/policy.ts'
import type { Standing } from '../domain/standing.ts'
import type { Queryable } from './db.ts'
import { allOf, beginsWith, type Keyset, keyset, oneOf, type PageAsk, type SortKeys } from './keyset.ts'
import {
  at,
  type CredentialRef,
  credentialRef,
  type Deadline,
  deadlineOf,
  type IdentityRef,
  identityRef,
  LAST_ANSWER,
  type LastAnswer,
  OPEN,
  STANDING_COUNTS,
  type SystemRef,
  severityRank,
  standingOf,
  systemRef,
  told,
  WORST,
} from './told.ts'

export const IDENTITY_SORTS = {
  name: [
    { column: sql`(lower(i.name) collate "C")`, type: 'text' },
    { column: sql`i.id`, type: 'uuid' },
  ],
  /** Whoever has not left counts as the last to leave. */
  terminatedAt: [
    { column: sql`coalesce(i.terminated_at, 'infinity')`, type: 'timestamptz' },
    { column: sql`i.id`, type: 'uuid' },
  ],
} as const satisfies Record<string, SortKeys>

export interface IdentityFilter {
  /** `active`: here, even if a last day is set. `suspended`: of these, whom some source calls so. */
  state?: 'active' | 'suspended' | 'terminated' | undefined
  kind?: readonly IdentityKind[] | undefined
  /** Left, with a credential that was accepted, and nothing proven since; false: everybody else. */
  open?: boolean | undefined
  /** Beginning of name, e-mail or external id, whatever its case. */
  q?: string | undefined
  /** Of services and agents: the owner's external id, or the id under which it is known here. */
  owner?: string | undefined
}

export interface ToldIdentity extends IdentityRef {
  email: string | null
  owner: IdentityRef | null
  ownerExternalId: string | null
  source: string
  state: 'active' | 'terminated'
  /** Since when some source calls it suspended. */
  suspendedAt: string | null
  credentials: Record<Standing, number>
  findings: { unresolved: number; worst: Severity | null }
  /** What lists of administrators show of it. */
  grants: number
  createdAt: string
  updatedAt: string
}

/** Identities with what they hold and what was found about them. */
export async function identityPage(
  db: Queryable,
  filter: IdentityFilter,
  ask: PageAsk<keyof typeof IDENTITY_SORTS>,
  now: Temporal.Instant,
): Promise<(ToldIdentity & { keys: string[] })[]> {
  const { past, order, keys } = keyset(IDENTITY_SORTS, ask)
  const { q, open } = filter
  const wanted = [...conditions(filter, now), past]
  // Doors are few: they are looked up first.
  const from =
    open === true
      ? sql`(${openDoors(now)}) d cross join lateral (select * from identity i where i.id = d.identity_id offset 0) i`
      : sql`identity i`
  const cut = (more: RawBuilder<boolean> | undefined) =>
    sql`(select i.id from ${from} where ${allOf([...wanted, more])} order by ${order} limit ${ask.limit})`
  if (q === undefined || open === true)
    return tell(db, cut(q === undefined ? undefined : identityBegins(q)), { order, keys }, now)
  // Each beginning by itself: an index answers one, and none answers one or another in an order.
  const parts = sql.join(begins(q).map(cut), sql` union `)
  const page = sql`select i.id from identity i where i.id in (${parts}) order by ${order} limit ${ask.limit}`
  return tell(db, page, { order, keys }, now)
}

/** One identity; undefined where there is none of this id. */
export async function toldIdentity(db: Queryable, id: string, now: Temporal.Instant): Promise<ToldIdentity | undefined> {
  const page = sql`select i.id from identity i where i.id = ${id}::uuid`
  const [row] = await tell(db, page, { order: sql`i.id`, keys: sql`null` }, now)
  if (row === undefined) return undefined
  const { keys: _, ...identity } = row
  return identity
}

function conditions({ state, kind, open, owner }: IdentityFilter, now: Temporal.Instant): (RawBuilder<unknown> | undefined)[] {
  const left = sql`coalesce(i.terminated_at, 'infinity')`
  return [
    state === undefined ? undefined : state === 'terminated' ? sql`${left} <= ${at(now)}` : sql`${left} > ${at(now)}`,
    // In the words of an index.
    state === 'suspended' ? sql`i.suspended_at is not null` : undefined,
    oneOf(sql`i.kind`, kind),
    // In the words of an index: of these there are few.
    kind?.includes('human') === false ? sql`i.kind <> 'human'` : undefined,
    open === false ? sql`i.id not in (${openDoors(now)})` : undefined,
    owner === undefined
      ? undefined
      : sql`i.owner_external_id in (select ${owner}::text${UUID.test(owner) ? sql` union all select o.external_id from identity o where o.id = ${owner}::uuid` : sql``})`,
  ]
}

/** The identities that left and have an open door, each once. */
function openDoors(now: Temporal.Instant): RawBuilder<unknown> {
  // One by one, by index: a join would be planned to read every credential.
  return sql`select distinct (select k.identity_id from credential k where k.id = c.credential_id) as identity_id from check_state c
    where ${OPEN} and c.due_at is not null and c.terminated_at <= ${at(now)}`
}

/** Of an identity `i`: name, e-mail or external id begins so. */
export function identityBegins(q: string): RawBuilder<boolean> {
  return sql`(${sql.join(begins(q), sql` or `)})`
}

function begins(q: string): RawBuilder<boolean>[] {
  const [name, external, email] = ['name', 'external_id', 'email'].map((column) => beginsWith(sql`${sql.ref(`i.${column}`)}`, q))
  return [sql`${name}`, sql`${external}`, sql`(i.email is not null and ${email})`]
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

async function tell(
  db: Queryable,
  page: RawBuilder<unknown>,
  { order, keys }: Pick<Keyset, 'order' | 'keys'>,
  now: Temporal.Instant,
): Promise<(ToldIdentity & { keys: string[] })[]> {
  const { rows } = await sql<ToldIdentity & { keys: string[] }>`
    with page as materialized (${page})
    select i.id, i.external_id as "externalId", i.kind, i.name, ${told(sql`i.terminated_at`)} as "terminatedAt", i.email,
      ${identityRef('o')} as owner, i.owner_external_id as "ownerExternalId", i.source,
      case when i.terminated_at <= ${at(now)} then 'terminated' else 'active' end as state,
      ${told(sql`i.suspended_at`)} as "suspendedAt",
      h.counts as credentials, g.counts as findings,
      (select count(*)::int from standing_grant t where t.identity_id = i.id and t.gone_at is null) as grants, ${told(sql`i.created_at`)} as "createdAt", ${told(sql`i.updated_at`)} as "updatedAt",
      ${keys} as keys
    from page p join identity i on i.id = p.id
    left join identity o on o.external_id = i.owner_external_id
    left join lateral (
      select ${STANDING_COUNTS} as counts from (
        select ${standingOf(now)} as standing from credential k join check_state c on c.credential_id = k.id where k.identity_id = i.id
      ) held
    ) h on true
    left join lateral (
      select json_build_object('unresolved', count(*), 'worst', ${WORST}) as counts
      from finding f where f.identity_id = i.id and f.state <> 'resolved'
    ) g on true
    order by ${order}
  `.execute(db)
  return rows
}

export interface ToldHolding extends LastAnswer {
  system: SystemRef
  credential: CredentialRef
  principal: string | null
  privilege: 'standard' | 'elevated' | 'admin'
  shared: boolean
  standing: Standing
  dueAt: string | null
  handoverBy: string | null
  deadline: Deadline | null
  finding: { id: string; kind: FindingKind; severity: Severity; state: FindingState; exempted: boolean } | null
}

/** What an identity holds, by system and label, each with the most severe finding about it that is not resolved. */
export async function holdings(
  db: Queryable,
  identityId: string,
  within: RevokeWithin,
  now: Temporal.Instant,
  limit: number,
): Promise<ToldHolding[]> {
  const { rows } = await sql<ToldHolding>`
    select ${systemRef('s')} as system, ${credentialRef('k')} as credential, k.principal, k.privilege, k.shared,
      ${standingOf(now)} as standing, ${LAST_ANSWER}, ${told(sql`c.due_at`)} as "dueAt", ${told(sql`k.handover_by`)} as "handoverBy",
      ${deadlineOf(within, now)} as deadline,
      case when f.id is not null then json_build_object('id', f.id, 'kind', f.kind, 'severity', f.severity, 'state', f.state,
        'exempted', f.exempted) end as finding
    from credential k join check_state c on c.credential_id = k.id join system s on s.id = k.system_id
    left join lateral (
      select * from finding f where f.credential_id = k.id and f.state <> 'resolved'
      order by ${severityRank(sql`f.severity`)} desc, f.opened_at limit 1
    ) f on true
    where k.identity_id = ${identityId}::uuid
    order by s.name, k.label, k.id limit ${limit}
  `.execute(db)
  return rows
}

/** An identity as others speak of it; undefined where there is none of this id. */
export async function toldIdentityRef(db: Queryable, id: string): Promise<IdentityRef | undefined> {
  const { rows } = await sql<{
    ref: IdentityRef
  }>`select ${identityRef('i')} as ref from identity i where i.id = ${id}::uuid`.execute(db)
  return rows[0]?.ref
}

/** The ids of those of this external id, else of this id, else of this e-mail address or name, whatever its case: two at most. */
export async function identitiesCalled(db: Queryable, named: string): Promise<string[]> {
  const id = await identityIdOf(db, named)
  if (id !== undefined) return [id]
  const is = (column: string) => sql`(lower(${sql.ref(`i.${column}`)}) collate "C") = lower(${named}::text)`
  const { rows } = await sql<{ id: string }>`
    select i.id from identity i where i.email is not null and ${is('email')}
    union select i.id from identity i where ${is('name')} order by id limit 2
  `.execute(db)
  return rows.map((row) => row.id)
}

/** The id of the identity of this external id, or else of this id; undefined where there is none. */
export async function identityIdOf(db: Queryable, named: string): Promise<string | undefined> {
  const byId = UUID.test(named) ? sql`union all select i.id, 2 as place from identity i where i.id = ${named}::uuid` : sql``
  const { rows } = await sql<{ id: string }>`
    select i.id, 1 as place from identity i where i.external_id = ${named} ${byId} order by place limit 1
  `.execute(db)
  return rows[0]?.id
}
