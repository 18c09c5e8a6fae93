import { type RawBuilder, type Selectable, sql } from 'kysely'
import { findingEventFacts } from '../domain/facts/finding-event.ts'
import type { FindingKind, FindingState, Severity } from '../domain/finding.ts'
import { newId } from '../domain/id.ts'
import { leafOf } from '../domain/leaf.ts'
import type { Queryable } from './db.ts'
import type { ExemptionTable, FindingEventTable, FindingTable } from './tables.ts'

export type FindingRow = Selectable<FindingTable>
/** A finding as it is written: instants are RFC 3339 strings. Who acknowledged it is written elsewhere. */
export type NewFinding = Omit<
  FindingRow,
  'opened_at' | 'last_seen_at' | 'alerted_at' | 'resolved_at' | 'acknowledged_at' | 'acknowledged_by'
> & {
  opened_at: string
  last_seen_at: string
  alerted_at: string | null
  resolved_at: string | null
}

/** The findings of these keys, locked until the transaction ends, so that two replicas take turns over one finding. */
export async function lockFindings(db: Queryable, keys: readonly string[]): Promise<Map<string, FindingRow>> {
  if (keys.length === 0) return new Map()
  const { rows } = await sql<FindingRow>`
    select * from finding where key in (select json_array_elements_text(${JSON.stringify(keys)}::json)) order by key collate "C" for update
  `.execute(db)
  return new Map(rows.map((row) => [row.key, row]))
}

/** The findings of these ids, locked in the same order; unknown ones are missing from the answer. */
export async function lockFindingsById(db: Queryable, ids: readonly string[]): Promise<Map<string, FindingRow>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<FindingRow>`
    select * from finding where id in (select json_array_elements_text(${JSON.stringify(ids)}::json)::uuid) order by key collate "C" for update
  `.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}

/** Which of these credentials have any finding: the cheap question before the locking one. */
export async function credentialsWithFindings(db: Queryable, credentialIds: readonly string[]): Promise<Set<string>> {
  if (credentialIds.length === 0) return new Set()
  const { rows } = await sql<{ id: string }>`
    select distinct credential_id as id from finding
    where credential_id in (select json_array_elements_text(${JSON.stringify(credentialIds)}::json)::uuid)
  `.execute(db)
  return new Set(rows.map((row) => row.id))
}

export interface FindingChanges {
  /** Findings of keys that nobody had; a unique violation means that another replica was faster: the transaction must be run again. */
  added: readonly NewFinding[]
  /** Locked findings as they are now, none of them twice. */
  changed: readonly NewFinding[]
  events: readonly NewFindingEvent[]
}

/** An event as it is written: `at` is RFC 3339, to the millisecond. */
export type NewFindingEvent = Omit<Selectable<FindingEventTable>, 'at'> & { at: string }

/** Writes findings and their events and hands the events to the ledger, in one statement. */
export async function saveFindings(db: Queryable, { added, changed, events }: FindingChanges): Promise<void> {
  if (added.length + changed.length + events.length === 0) return
  const leaves = events.map((event) => ({
    ...event,
    leaf: leafOf(findingEventFacts({ ...event, at: Temporal.Instant.from(event.at) })),
  }))
  await sql`
    with n as (
      insert into finding (id, key, kind, severity, state, system_id, identity_id, credential_id, episode, sequence, rejections,
        opened_at, last_seen_at, alerted_at, resolved_at, observation_id, trial_id, trace_id, exempted, feed_id, grant_id)
      select * from ${findingRows(added)}
    ), u as (
      update finding f set kind = c.kind, severity = c.severity, state = c.state, system_id = c.system_id,
        identity_id = c.identity_id, credential_id = c.credential_id, episode = c.episode, sequence = c.sequence,
        rejections = c.rejections, opened_at = c.opened_at, last_seen_at = c.last_seen_at, alerted_at = c.alerted_at,
        resolved_at = c.resolved_at, observation_id = c.observation_id, trial_id = c.trial_id, trace_id = c.trace_id,
        exempted = c.exempted, feed_id = c.feed_id, grant_id = c.grant_id
      from ${findingRows(changed)} where f.id = c.id
    ), e as materialized (
      select * from json_to_recordset(${JSON.stringify(leaves)}::json) as e (id uuid, finding_id uuid, kind text, system_id uuid,
        identity_id uuid, credential_id uuid, sequence integer, event text, at timestamptz, severity text, state text, observation_id uuid, trace_id text, actor text, note text, feed_id uuid,
        grant_id uuid, listing_id uuid, leaf text)
    ), told as (
      insert into finding_event (id, finding_id, kind, system_id, identity_id, credential_id, sequence, event, at, severity, state,
        observation_id, trace_id, actor, note, feed_id, grant_id, listing_id)
      select id, finding_id, kind, system_id, identity_id, credential_id, sequence, event, at, severity, state,
        observation_id, trace_id, actor, note, feed_id, grant_id, listing_id from e
    )
    insert into ledger_outbox (id, kind, leaves, refs, digests, created_at)
    select ${newId()}::uuid, 'finding', count(*), array_agg(id), array_agg(decode(leaf, 'hex')), clock_timestamp() from e
    having count(*) > 0
  `.execute(db)
}

/** In the order of the insert's columns. */
function findingRows(rows: readonly NewFinding[]) {
  return sql`json_to_recordset(${JSON.stringify(rows)}::json) as c (id uuid, key text, kind text, severity text, state text,
    system_id uuid, identity_id uuid, credential_id uuid, episode integer, sequence integer, rejections integer,
    opened_at timestamptz, last_seen_at timestamptz, alerted_at timestamptz, resolved_at timestamptz, observation_id uuid,
    trial_id uuid, trace_id text, exempted boolean, feed_id uuid, grant_id uuid)`
}

/** Makes locked findings `info`: what was agreed is expected. */
export async function easeFindings(db: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await db
    .updateTable('finding')
    .set({ severity: 'info' })
    .where('id', 'in', [...ids])
    .execute()
}

/** The exemptions in force at an instant. There are few: one page of results reads them once. */
export async function exemptionsAt(db: Queryable, at: Temporal.Instant): Promise<Selectable<ExemptionTable>[]> {
  const now = sql<Temporal.Instant>`${at.toString()}::timestamptz`
  return db
    .selectFrom('exemption')
    .selectAll()
    .where('revoked_at', 'is', null)
    .where('starts_at', '<=', now)
    .where('ends_at', '>', now)
    .execute()
}

/** Unresolved findings that an exemption silenced which is over at `at`, locked until the transaction ends. */
export async function lockUnexempted(db: Queryable, at: Temporal.Instant, limit: number): Promise<FindingRow[]> {
  const { rows } = await sql<FindingRow>`
    select * from finding f
    where exists (select 1 from exemption) and f.exempted and f.state <> 'resolved' and not ${isExempt(at)}
    order by f.key limit ${limit} for update skip locked
  `.execute(db)
  return rows
}

/** Whether an exemption is in force at `at` that covers the finding `f`, whether or not it has silenced it yet. */
export function isExempt(at: Temporal.Instant): RawBuilder<boolean> {
  const now = sql`${at.toString()}::timestamptz`
  return sql<boolean>`exists (
    select 1 from exemption e
    where e.revoked_at is null and e.starts_at <= ${now} and e.ends_at > ${now}
      and (e.finding_kind is null or e.finding_kind = f.kind) and (e.credential_id is null or e.credential_id = f.credential_id)
      and (e.identity_id is null or e.identity_id = f.identity_id) and (e.system_id is null or e.system_id = f.system_id)
  )`
}

export interface FindingFilter {
  state?: FindingState | 'unresolved'
  kind?: FindingKind
  minSeverity?: readonly Severity[]
  system?: string
  identity?: string
  limit: number
}

export interface FindingListing {
  id: string
  kind: FindingKind
  severity: Severity
  state: FindingState
  episode: number
  opened_at: Temporal.Instant
  last_seen_at: Temporal.Instant
  resolved_at: Temporal.Instant | null
  system: string | null
  identity: string | null
  external_id: string | null
  credential: string | null
  fingerprint: string | null
  /** The source of leavers that a `feed_silent` is about. */
  source: string | null
}

/** Findings with the names of what they are about, the most severe and oldest first. */
export async function listFindings(db: Queryable, filter: FindingFilter): Promise<FindingListing[]> {
  let query = db
    .selectFrom('finding as f')
    .leftJoin('system as s', 's.id', 'f.system_id')
    .leftJoin('identity as i', 'i.id', 'f.identity_id')
    .leftJoin('credential as c', 'c.id', 'f.credential_id')
    .leftJoin('feed as d', 'd.id', 'f.feed_id')
    .select([
      'f.id',
      'f.kind',
      'f.severity',
      'f.state',
      'f.episode',
      'f.opened_at',
      'f.last_seen_at',
      'f.resolved_at',
      's.name as system',
      'i.name as identity',
      'i.external_id',
      'c.label as credential',
      'c.fingerprint',
      'd.name as source',
    ])
  if (filter.state === 'unresolved') query = query.where('f.state', '<>', 'resolved')
  else if (filter.state !== undefined) query = query.where('f.state', '=', filter.state)
  if (filter.kind !== undefined) query = query.where('f.kind', '=', filter.kind)
  if (filter.minSeverity !== undefined) query = query.where('f.severity', 'in', [...filter.minSeverity])
  if (filter.system !== undefined) query = query.where('s.name', '=', filter.system)
  if (filter.identity !== undefined) query = query.where('i.external_id', '=', filter.identity)
  return query
    .orderBy(sql`array_position(array['critical', 'high', 'medium', 'low', 'info'], f.severity)`)
    .orderBy('f.opened_at')
    .limit(filter.limit)
    .execute()
}

/** The findings whose id is `part` or ends in it, at most two: lists show the end of an id, which is its random part. */
export async function findFindingsByEnd(db: Queryable, part: string): Promise<FindingRow[]> {
  return db.selectFrom('finding').selectAll().where(sql<boolean>`right(id::text, ${part.length}) = ${part}`).limit(2).execute()
}

/** Acknowledges an open finding; false when it is not open. */
export async function acknowledgeFinding(db: Queryable, id: string, by: string, at: Temporal.Instant): Promise<boolean> {
  const done = await db
    .updateTable('finding')
    .set({ state: 'acknowledged', acknowledged_by: by, acknowledged_at: at.toString() })
    .where('id', '=', id)
    .where('state', '=', 'open')
    .executeTakeFirst()
  return done.numUpdatedRows > 0n
}

export async function addExemption(
  db: Queryable,
  exemption: Omit<Selectable<ExemptionTable>, 'starts_at' | 'ends_at' | 'created_at' | 'revoked_at'> & {
    starts_at: string
    ends_at: string
    created_at: string
  },
): Promise<void> {
  await db.insertInto('exemption').values(exemption).execute()
}

/** The whole history of one finding, oldest first. */
export async function findingEvents(db: Queryable, findingId: string): Promise<Selectable<FindingEventTable>[]> {
  return db
    .selectFrom('finding_event')
    .selectAll()
    .where('finding_id', '=', findingId)
    .orderBy('at')
    .orderBy('sequence')
    .execute()
}

/** How many findings are unresolved, by kind and severity. */
export async function countActiveFindings(db: Queryable): Promise<{ kind: FindingKind; severity: Severity; count: number }[]> {
  return db
    .selectFrom('finding')
    .select(['kind', 'severity', sql<number>`count(*)::int`.as('count')])
    .where('state', '<>', 'resolved')
    .groupBy(['kind', 'severity'])
    .execute()
}

/** True while something is tried that could close or confirm a finding by itself. */
export async function isStillTried(
  db: Queryable,
  finding: Pick<FindingRow, 'credential_id' | 'system_id' | 'kind' | 'grant_id'>,
): Promise<boolean> {
  if (finding.kind === 'orphaned_identity') return true
  if (finding.kind === 'standing_grant') return isStillListed(db, finding.grant_id)
  const scope =
    finding.credential_id === null
      ? sql`c.system_id = ${finding.system_id}::uuid`
      : sql`c.credential_id = ${finding.credential_id}::uuid`
  const { rows } = await sql`
    select 1 from check_state c join system s on s.id = c.system_id
    where ${scope} and c.due_at is not null and s.retired_at is null limit 1
  `.execute(db)
  return rows.length > 0
}

/** A grant whose system is asked by an inventory since it was seen: it is looked at again. */
async function isStillListed(db: Queryable, grantId: string | null): Promise<boolean> {
  const { rows } = await sql`
    select 1 from standing_grant g join system s on s.id = g.system_id
    join listing_turn t on t.system_id = g.system_id
    where g.id = ${grantId}::uuid and g.gone_at is null and s.retired_at is null and t.asked_at > g.last_seen_at - interval '31 days'
      and t.asked_at > clock_timestamp() - interval '31 days' limit 1
  `.execute(db)
  return rows.length > 0
}
