import { type RawBuilder, type Selectable, sql } from 'kysely'
import type { RevokeWithin } from '../domain/policy.ts'
import type { Queryable } from './db.ts'
import { isExempt } from './finding.ts'
import { allOf, keyset, type PageAsk, type SortKeys } from './keyset.ts'
import type { StaleFinding } from './overdue.ts'
import type { HandoverTable } from './tables.ts'
import { allowedMs, at, type IdentityRef, identityRef, OPEN, severityRank, told } from './told.ts'

export type HandoverRow = Selectable<HandoverTable>

/** The handover between two that is agreed now, locked until the transaction ends. */
export async function lockOpenHandover(tx: Queryable, leaverId: string, receiverId: string): Promise<HandoverRow | undefined> {
  return tx
    .selectFrom('handover')
    .selectAll()
    .where('leaver_id', '=', leaverId)
    .where('receiver_id', '=', receiverId)
    .where('cancelled_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
}

export async function lockHandover(tx: Queryable, id: string): Promise<HandoverRow | undefined> {
  return tx.selectFrom('handover').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
}

/** A handover as it is written. Instants are RFC 3339 strings. */
export interface HandoverWrite {
  id: string
  leaver_id: string
  receiver_id: string
  by_at: string
  note: string | null
  created_at: string
  created_by: string
}

/** Adds a handover. A unique violation means that another writer was faster: run it again. */
export async function insertHandover(tx: Queryable, row: HandoverWrite): Promise<void> {
  await tx.insertInto('handover').values(row).execute()
}

/** Sets another date, also for what went off the list meanwhile: a finding of its access may be open still. */
export async function moveHandover(tx: Queryable, id: string, by: Temporal.Instant): Promise<void> {
  const date = by.toString()
  await tx.updateTable('handover').set({ by_at: date }).where('id', '=', id).execute()
  await tx
    .updateTable('credential')
    .set({ handover_by: date })
    .where('handover_id', '=', id)
    .where('retired_at', 'is not', null)
    .execute()
}

/** Ends what was agreed about those who are here again: of another departure nothing is agreed. Answers the ids. */
export async function endHandoversOf(
  tx: Queryable,
  leaverIds: readonly string[],
  by: string,
  now: Temporal.Instant,
): Promise<string[]> {
  if (leaverIds.length === 0) return []
  const { rows } = await sql<{ id: string }>`
    update handover set cancelled_at = ${at(now)}, cancelled_by = ${by}
    where cancelled_at is null and leaver_id in (select json_array_elements_text(${JSON.stringify(leaverIds)}::json)::uuid) returning id
  `.execute(tx)
  const ids = rows.map(({ id }) => id)
  for (const id of ids) await takeBack(tx, id, now)
  return ids
}

export async function endHandover(tx: Queryable, id: string, by: string, now: Temporal.Instant): Promise<void> {
  await tx.updateTable('handover').set({ cancelled_at: now.toString(), cancelled_by: by }).where('id', '=', id).execute()
}

/** Whose credentials are given over, or which: retired ones never are. */
export type GivenOver = { leaverId: string; credentialIds?: readonly string[] } | { handoverId: string }

/**
 * Gives credentials a date, and has those that are tried tried on it at the latest, and never before their holder has left. Answers their
 * ids; what is not the leaver's, or is retired, is missing from the answer.
 */
export async function giveOver(
  tx: Queryable,
  of: GivenOver,
  handover: { id: string; by: Temporal.Instant },
  now: Temporal.Instant,
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with given as (
      update credential k set handover_by = ${at(handover.by)}, handover_id = ${handover.id}::uuid, updated_at = ${at(now)}
      where k.retired_at is null and ${isGiven(of)} returning k.id
    ), timed as (
      update check_state c set due_at = greatest(least(c.due_at, ${at(handover.by)}), c.terminated_at)
      where c.credential_id in (select id from given) and c.due_at is not null and c.terminated_at is not null and c.dead_at is null
    )
    select id from given order by id
  `.execute(tx)
  return rows.map(({ id }) => id)
}

/** Takes the dates of a handover back: what is tried is tried at once, since another deadline counts. Answers the ids. */
export async function takeBack(tx: Queryable, handoverId: string, now: Temporal.Instant): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with given as (
      update credential k set handover_by = null, handover_id = null, updated_at = ${at(now)}
      where k.handover_id = ${handoverId}::uuid returning k.id
    ), timed as (
      update check_state c set due_at = ${at(now)}
      where c.credential_id in (select id from given) and c.due_at > ${at(now)} and c.terminated_at <= ${at(now)} and c.dead_at is null
    )
    select id from given order by id
  `.execute(tx)
  return rows.map(({ id }) => id)
}

function isGiven(of: GivenOver) {
  if ('handoverId' in of) return sql`k.handover_id = ${of.handoverId}::uuid`
  const ids = of.credentialIds
  return allOf([
    sql`k.identity_id = ${of.leaverId}::uuid`,
    ids === undefined ? undefined : sql`k.id in (select json_array_elements_text(${JSON.stringify(ids)}::json)::uuid)`,
  ])
}

export const HANDOVER_SORTS = {
  createdAt: [
    { column: sql`h.created_at`, type: 'timestamptz' },
    { column: sql`h.id`, type: 'uuid' },
  ],
} as const satisfies Record<string, SortKeys>

/** Proven refused: as it stands, or as it stood when it went off the list for it. Of a credential `k` with its check state `c`. */
export const GIVEN_REFUSED = sql<boolean>`((c.dead_at is not null and c.verdict = 'rejected')
  or coalesce(k.retired_reason in ('proven_dead', 'rotated'), false))`
/** Not over: neither proven refused, nor off the list with no open finding of its access. Of the same. */
export const GIVEN_LEFT = sql<boolean>`(not ${GIVEN_REFUSED} and (k.retired_at is null or exists (
  select 1 from finding f where f.key = 'access:' || k.id::text and f.state <> 'resolved')))`

/** Whether a date has passed that a leaver's access was given until: only whoever has left can miss it. */
export function isPast(by: RawBuilder<unknown>, terminatedAt: RawBuilder<unknown>, now: Temporal.Instant): RawBuilder<boolean> {
  return sql<boolean>`(${terminatedAt} <= ${at(now)} and ${by} < ${at(now)})`
}

/** `done`: of what was given over nothing is left. `empty`: nothing is given over by it, or an import gave all of it other dates. */
export const HANDOVER_STATES = ['running', 'overdue', 'done', 'empty', 'cancelled'] as const
export type HandoverState = (typeof HANDOVER_STATES)[number]

export interface ToldHandover {
  id: string
  leaver: IdentityRef
  receiver: IdentityRef
  by: string
  state: HandoverState
  credentials: { total: number; refused: number; retired: number; open: number }
  note: string | null
  createdAt: string
  createdBy: string
  cancelledAt: string | null
  cancelledBy: string | null
}

export interface HandoverFilter {
  id?: string | undefined
  /** Of the leaver or of the receiver. */
  identityId?: string | undefined
  state?: readonly HandoverState[] | undefined
}

/** Handovers, with what has become of what was given over. */
export async function handoverPage(
  db: Queryable,
  filter: HandoverFilter,
  ask: PageAsk<keyof typeof HANDOVER_SORTS>,
  now: Temporal.Instant,
): Promise<(ToldHandover & { keys: string[] })[]> {
  const { past, order, keys } = keyset(HANDOVER_SORTS, ask)
  const state = sql`case when h.cancelled_at is not null then 'cancelled' when n.total = 0 then 'empty' when n.unfinished = 0 then 'done'
    when ${isPast(sql`h.by_at`, sql`l.terminated_at`, now)} then 'overdue' else 'running' end`
  const { id, identityId, state: states } = filter
  const wanted = allOf([
    id === undefined ? undefined : sql`h.id = ${id}::uuid`,
    identityId === undefined ? undefined : sql`(h.leaver_id = ${identityId}::uuid or h.receiver_id = ${identityId}::uuid)`,
    states === undefined ? undefined : sql`(${state}) in (${sql.join(states)})`,
    past,
  ])
  const { rows } = await sql<ToldHandover & { keys: string[] }>`
    select h.id, ${identityRef('l')} as leaver, ${identityRef('r')} as receiver, ${told(sql`h.by_at`)} as by, ${state} as state,
      json_build_object('total', n.total, 'refused', n.refused, 'retired', n.retired, 'open', n.open) as credentials, h.note,
      ${told(sql`h.created_at`)} as "createdAt", h.created_by as "createdBy", ${told(sql`h.cancelled_at`)} as "cancelledAt",
      h.cancelled_by as "cancelledBy", ${keys} as keys
    from handover h join identity l on l.id = h.leaver_id join identity r on r.id = h.receiver_id
    cross join lateral (
      select count(*)::int as total, (count(*) filter (where ${GIVEN_REFUSED}))::int as refused,
        (count(*) filter (where k.retired_at is not null and not ${GIVEN_REFUSED}))::int as retired,
        (count(*) filter (where ${GIVEN_LEFT}))::int as unfinished,
        (count(*) filter (where k.retired_at is null and c.due_at is not null and ${OPEN}))::int as open
      from credential k join check_state c on c.credential_id = k.id where k.handover_id = h.id
    ) n
    where ${wanted} order by ${order} limit ${ask.limit}
  `.execute(db)
  return rows
}

/** Makes an identity answer for others, by id: services and agents. */
export async function setOwner(
  tx: Queryable,
  identityIds: readonly string[],
  ownerExternalId: string,
  now: Temporal.Instant,
): Promise<void> {
  await sql`
    update identity set owner_external_id = ${ownerExternalId}, updated_at = ${at(now)}
    where id in (select json_array_elements_text(${JSON.stringify(identityIds)}::json)::uuid)
  `.execute(tx)
}

/** What an identity answers for, locked until the transaction ends: those that have left are left out. */
export async function lockOwned(
  tx: Queryable,
  ownerExternalId: string,
  now: Temporal.Instant,
): Promise<{ id: string; externalId: string }[]> {
  const { rows } = await sql<{ id: string; externalId: string }>`
    select id, external_id as "externalId" from identity
    where owner_external_id = ${ownerExternalId} and kind <> 'human' and coalesce(terminated_at, 'infinity') > ${at(now)}
    order by external_id for update
  `.execute(tx)
  return rows
}

export interface EasedQuestion {
  at: Temporal.Instant
  /** The deadlines of the policy, which count again where the handover was cancelled. */
  within: RevokeWithin
  /** The id of the last row of the page before. */
  after: string | undefined
  limit: number
}

/**
 * Findings of access that a date made `info`, whose credential went off the list while they were open, and whose date has passed: nothing
 * tries it, so no observation will say so. By id, locked until the transaction ends; those that somebody else is at are left to the next
 * time, and so is what an exemption covers.
 */
export async function lockEased(tx: Queryable, { at: now, within, after, limit }: EasedQuestion): Promise<StaleFinding[]> {
  const past = after === undefined ? sql`true` : sql`f.id > ${after}::uuid`
  const { rows } = await sql<StaleFinding>`
    select f.*, s.tier, s.name as system, i.kind as "identityKind", k.privilege, k.kind as "credentialKind", i.terminated_at as "terminatedAt",
      k.handover_by as "handoverBy"
    from finding f join credential k on k.id = f.credential_id join system s on s.id = k.system_id join identity i on i.id = k.identity_id
    where f.state <> 'resolved' and ${severityRank(sql`f.severity`)} = 1 and ${past}
      and f.kind in ('residual_access', 'shared_secret_not_rotated', 'handover_overdue')
      and k.retired_at is not null and i.terminated_at <= ${at(now)}
      and case when k.handover_by is not null then k.handover_by < ${at(now)}
        when f.kind = 'handover_overdue' or exists (select 1 from finding_event e where e.finding_id = f.id and e.event = 'handed_over')
          then i.terminated_at + ${allowedMs(within)} * interval '1 millisecond' < ${at(now)}
        else false end
      and not f.exempted and not ${isExempt(now)}
    order by f.id limit ${limit} for update of f skip locked
  `.execute(tx)
  return rows
}
