import { type Selectable, sql } from 'kysely'
import type { Queryable } from './db.ts'
import { allOf, keyset, type PageAsk, type SortKeys } from './keyset.ts'
import type { HandoverTable } from './tables.ts'
import { at, type IdentityRef, identityRef, OPEN, told } from './told.ts'

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

export async function moveHandover(tx: Queryable, id: string, by: Temporal.Instant): Promise<void> {
  await tx.updateTable('handover').set({ by_at: by.toString() }).where('id', '=', id).execute()
}

export async function endHandover(tx: Queryable, id: string, by: string, now: Temporal.Instant): Promise<void> {
  await tx.updateTable('handover').set({ cancelled_at: now.toString(), cancelled_by: by }).where('id', '=', id).execute()
}

/** Whose credentials are given over, or which: retired ones never are. */
export type GivenOver = { leaverId: string; credentialIds?: readonly string[] } | { handoverId: string }

/**
 * Gives credentials a date, and has those that are tried tried on it at the latest. Answers their ids; what is not the leaver's, or is
 * retired, is missing from the answer.
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
      update check_state c set due_at = least(c.due_at, ${at(handover.by)})
      where c.credential_id in (select id from given) and c.due_at is not null and c.dead_at is null
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

/** `done`: everything given over is proven refused, or off the list. */
export const HANDOVER_STATES = ['running', 'overdue', 'done', 'cancelled'] as const
export type HandoverState = (typeof HANDOVER_STATES)[number]

export interface ToldHandover {
  id: string
  leaver: IdentityRef
  receiver: IdentityRef
  by: string
  state: HandoverState
  credentials: { total: number; refused: number; open: number }
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
  const state = sql`case when h.cancelled_at is not null then 'cancelled' when n.total > 0 and n.total = n.refused then 'done'
    when h.by_at < ${at(now)} then 'overdue' else 'running' end`
  const { id, identityId, state: states } = filter
  const wanted = allOf([
    id === undefined ? undefined : sql`h.id = ${id}::uuid`,
    identityId === undefined ? undefined : sql`(h.leaver_id = ${identityId}::uuid or h.receiver_id = ${identityId}::uuid)`,
    states === undefined ? undefined : sql`(${state}) in (${sql.join(states)})`,
    past,
  ])
  const { rows } = await sql<ToldHandover & { keys: string[] }>`
    select h.id, ${identityRef('l')} as leaver, ${identityRef('r')} as receiver, ${told(sql`h.by_at`)} as by, ${state} as state,
      json_build_object('total', n.total, 'refused', n.refused, 'open', n.open) as credentials, h.note,
      ${told(sql`h.created_at`)} as "createdAt", h.created_by as "createdBy", ${told(sql`h.cancelled_at`)} as "cancelledAt",
      h.cancelled_by as "cancelledBy", ${keys} as keys
    from handover h join identity l on l.id = h.leaver_id join identity r on r.id = h.receiver_id
    cross join lateral (
      select count(*)::int as total, (count(*) filter (where k.retired_at is not null or (c.dead_at is not null and c.verdict = 'rejected')))::int as refused,
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
